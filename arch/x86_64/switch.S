// The switch from one kernel stack to another. What a C++ function may clobber, its caller has saved already: only the
// callee-saved registers remain (System V ABI, 3.2.1). user_mode.cc lays the same picture on a new stack.
//
//      sp -> | r15 | r14 | r13 | r12 | rbp | rbx | return address |   towards higher addresses

        .text
        .global switch_stacks
// in: rdi = where to keep this stack pointer, rsi = the stack pointer to go on with
// out: returns on the other stack, to whoever called this when that one was left
switch_stacks:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        movq    %rsp, (%rdi)
        movq    %rsi, %rsp
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret
