// From the exception vectors to C++ and back (Arm ARM D1.3.1, table D1-7).
#include "arch/aarch64/trap_frame.h"

// A kernel stack fills the upper half of a slot of twice its size (kernel/base/layout.h): bit 14 of sp is set in it.
#define STACK_BIT 14

// One of 16 vectors, 128 bytes each. A stack that has run out must be noticed before anything is stored on it, with no
// register free: sp and x0 are added to each other and taken apart again.
.macro vector
        .balign 128
        sub     sp, sp, #TRAP_FRAME_SIZE
        add     sp, sp, x0              // sp' = sp + x0
        sub     x0, sp, x0              // x0' = sp
        tbz     x0, #STACK_BIT, 1f
        sub     x0, sp, x0              // x0 as it was
        sub     sp, sp, x0              // sp as it was
        stp     x0, x1, [sp]
        mov     x0, #kind
        b       trap_common
1:      b       stack_overflow          // x0 = sp, lowered by a frame
.endm

        .text
        .global trap_vectors
        .balign 2048
trap_vectors:
        .set    kind, 0
        .rept   16
        vector
        .set    kind, kind + 1
        .endr

// in: x0, x1 saved; x0 = kind; sp = the frame; interrupts are masked (by the CPU, at entry)
        .cfi_sections   .debug_frame
        .cfi_startproc
        .cfi_undefined  x30             // for GDB: a backtrace ends here; `tf` shows what was interrupted
trap_common:
        stp     x2, x3, [sp, #16]
        stp     x4, x5, [sp, #32]
        stp     x6, x7, [sp, #48]
        stp     x8, x9, [sp, #64]
        stp     x10, x11, [sp, #80]
        stp     x12, x13, [sp, #96]
        stp     x14, x15, [sp, #112]
        stp     x16, x17, [sp, #128]
        stp     x18, x19, [sp, #144]
        stp     x20, x21, [sp, #160]
        stp     x22, x23, [sp, #176]
        stp     x24, x25, [sp, #192]
        stp     x26, x27, [sp, #208]
        stp     x28, x29, [sp, #224]
        add     x1, sp, #TRAP_FRAME_SIZE
        stp     x30, x1, [sp, #TRAP_FRAME_X30]  // and sp before the trap
        mrs     x1, elr_el1
        mrs     x2, spsr_el1
        stp     x1, x2, [sp, #TRAP_FRAME_ELR]
        mrs     x1, sp_el0
        stp     x0, x1, [sp, #TRAP_FRAME_KIND]
        msr     daifclr, #4             // a system error can be told apart now
        mov     x0, sp                  // handle_trap(TrapFrame&)
        bl      handle_trap
        .global trap_return             // in: sp = a frame; goes on with what it holds
trap_return:
        ldr     x1, [sp, #TRAP_FRAME_SP_EL0]
        msr     sp_el0, x1
        ldp     x1, x2, [sp, #TRAP_FRAME_ELR]
        msr     elr_el1, x1
        msr     spsr_el1, x2
        ldr     x30, [sp, #TRAP_FRAME_X30]
        ldp     x28, x29, [sp, #224]
        ldp     x26, x27, [sp, #208]
        ldp     x24, x25, [sp, #192]
        ldp     x22, x23, [sp, #176]
        ldp     x20, x21, [sp, #160]
        ldp     x18, x19, [sp, #144]
        ldp     x16, x17, [sp, #128]
        ldp     x14, x15, [sp, #112]
        ldp     x12, x13, [sp, #96]
        ldp     x10, x11, [sp, #80]
        ldp     x8, x9, [sp, #64]
        ldp     x6, x7, [sp, #48]
        ldp     x4, x5, [sp, #32]
        ldp     x2, x3, [sp, #16]
        ldp     x0, x1, [sp]
        add     sp, sp, #TRAP_FRAME_SIZE
        eret

// in: x0 = sp as it would have been with the frame; the stack is lost, nothing returns from here
stack_overflow:
        adrp    x1, emergency_stack_end
        add     x1, x1, :lo12:emergency_stack_end
        mov     sp, x1
        add     x0, x0, #TRAP_FRAME_SIZE
        mrs     x1, elr_el1
        b       handle_stack_overflow   // (sp, pc)
        .cfi_endproc
