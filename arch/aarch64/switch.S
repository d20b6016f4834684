// The switch from one kernel stack to another. What a C++ function may clobber, its caller has saved already: only the
// callee-saved registers remain (Arm's Procedure Call Standard, 6.1.1). user_mode.cc lays the same picture on a new stack.
//
//      sp -> | x19 x20 | x21 x22 | x23 x24 | x25 x26 | x27 x28 | x29 x30 |   towards higher addresses

        .text
        .global switch_stacks
// in: x0 = where to keep this stack pointer, x1 = the stack pointer to go on with
// out: returns on the other stack, to whoever called this when that one was left
switch_stacks:
        sub     sp, sp, #96
        stp     x19, x20, [sp]
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        mov     x2, sp
        str     x2, [x0]
        mov     sp, x1
        ldp     x19, x20, [sp]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        add     sp, sp, #96
        ret
