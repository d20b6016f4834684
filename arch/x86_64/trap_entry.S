// From the IDT to C++ and back. Each of the 256 vectors has a stub of 16 bytes; all go on in trap_common.
#include "arch/x86_64/trap_frame.h"

        .text
        .global trap_stubs
        .balign 16
trap_stubs:
        .set    vector, 0
        .rept   256
        .balign 16
        // These exceptions push an error code (Intel SDM vol. 3, table 6-1); for the others we push 0 in its place.
        .if     vector != 8 && (vector < 10 || vector > 14) && vector != 17 && vector != 21 && vector != 29 && vector != 30
        pushq   $0
        .endif
        pushq   $vector
        jmp     trap_common
        .set    vector, vector + 1
        .endr

// in: the vector, error code and the CPU's five words on the stack; interrupts are off (interrupt gates)
        .cfi_sections   .debug_frame
        .cfi_startproc
        .cfi_undefined  rip             // for GDB: a backtrace ends here; `tf` shows what was interrupted
trap_common:
        pushq   %rax
        pushq   %r9
        pushq   %r8
        pushq   %r10
        pushq   %rdx
        pushq   %rsi
        pushq   %rdi
        pushq   %rcx
        pushq   %r11
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   $2                      // no flag is the user's: DF = 0 as C++ expects it; AC = 0, or SMAP would be off
        popfq
        movq    %rsp, %rdi              // handle_trap(TrapFrame&)
        call    handle_trap             // the frame is 176 bytes on a stack that the CPU aligned to 16
        .global trap_return             // in: rsp = a frame; goes on with what it holds
trap_return:
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        popq    %r11
        popq    %rcx
        popq    %rdi
        popq    %rsi
        popq    %rdx
        popq    %r10
        popq    %r8
        popq    %r9
        popq    %rax
        addq    $16, %rsp               // vector and error code
        iretq
        .cfi_endproc
