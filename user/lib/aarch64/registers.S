// All registers at once: loaded, used by an instruction or two, and stored again (registers.h).

#define THREAD_POINTER 248                      /* offsets in Registers */
#define FLAGS 256

// in: x0 = Registers; keeps what Arm's Procedure Call Standard has a function keep
.macro with_registers name, instructions:vararg
        .global \name
\name:
        stp     x19, x20, [sp, #-96]!
        stp     x21, x22, [sp, #16]
        stp     x23, x24, [sp, #32]
        stp     x25, x26, [sp, #48]
        stp     x27, x28, [sp, #64]
        stp     x29, x30, [sp, #80]
        str     x0, [sp, #-16]!         // for afterwards, when no register is free
        ldr     x1, [x0, #THREAD_POINTER]
        msr     tpidr_el0, x1
        ldr     x1, [x0, #FLAGS]
        msr     nzcv, x1
        ldp     x2, x3, [x0, #16]
        ldp     x4, x5, [x0, #32]
        ldp     x6, x7, [x0, #48]
        ldp     x8, x9, [x0, #64]
        ldp     x10, x11, [x0, #80]
        ldp     x12, x13, [x0, #96]
        ldp     x14, x15, [x0, #112]
        ldp     x16, x17, [x0, #128]
        ldp     x18, x19, [x0, #144]
        ldp     x20, x21, [x0, #160]
        ldp     x22, x23, [x0, #176]
        ldp     x24, x25, [x0, #192]
        ldp     x26, x27, [x0, #208]
        ldp     x28, x29, [x0, #224]
        ldr     x30, [x0, #240]
        ldp     x0, x1, [x0]
        \instructions
        stp     x0, x1, [sp, #-16]!
        ldr     x0, [sp, #16]           // Registers again
        stp     x2, x3, [x0, #16]
        stp     x4, x5, [x0, #32]
        stp     x6, x7, [x0, #48]
        stp     x8, x9, [x0, #64]
        stp     x10, x11, [x0, #80]
        stp     x12, x13, [x0, #96]
        stp     x14, x15, [x0, #112]
        stp     x16, x17, [x0, #128]
        stp     x18, x19, [x0, #144]
        stp     x20, x21, [x0, #160]
        stp     x22, x23, [x0, #176]
        stp     x24, x25, [x0, #192]
        stp     x26, x27, [x0, #208]
        stp     x28, x29, [x0, #224]
        str     x30, [x0, #240]
        ldp     x1, x2, [sp], #32       // x0 and x1, as they were
        stp     x1, x2, [x0]
        mrs     x1, tpidr_el0
        str     x1, [x0, #THREAD_POINTER]
        mrs     x1, nzcv
        str     x1, [x0, #FLAGS]
        ldp     x21, x22, [sp, #16]
        ldp     x23, x24, [sp, #32]
        ldp     x25, x26, [sp, #48]
        ldp     x27, x28, [sp, #64]
        ldp     x29, x30, [sp, #80]
        ldp     x19, x20, [sp], #96
        ret
.endm

        .text
with_registers system_call_with, svc #0
with_registers count_down_with, 1: sub x0, x0, #1; cbnz x0, 1b
