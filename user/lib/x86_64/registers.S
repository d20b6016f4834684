// All registers at once: loaded, used by one instruction, and stored again (registers.h).

#define SEGMENTS 120                            /* offsets in Registers */
#define FLAGS 152

// in: rdi = Registers; keeps what the System V ABI has a function keep
.macro with_registers name, instruction:vararg
        .global \name
\name:
        pushq   %rbx
        pushq   %rbp
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        pushq   %rdi                    // for afterwards, when no register is free
        movw    SEGMENTS(%rdi), %ds
        movw    SEGMENTS+8(%rdi), %es
        movw    SEGMENTS+16(%rdi), %fs
        movw    SEGMENTS+24(%rdi), %gs
        pushq   FLAGS(%rdi)
        movq    (%rdi), %rax
        movq    8(%rdi), %rbx
        movq    16(%rdi), %rcx
        movq    24(%rdi), %rdx
        movq    32(%rdi), %rsi
        movq    48(%rdi), %rbp
        movq    56(%rdi), %r8
        movq    64(%rdi), %r9
        movq    72(%rdi), %r10
        movq    80(%rdi), %r11
        movq    88(%rdi), %r12
        movq    96(%rdi), %r13
        movq    104(%rdi), %r14
        movq    112(%rdi), %r15
        movq    40(%rdi), %rdi
        popfq                           // nothing above touches the flags, nothing below either
        \instruction
        xchgq   %rdi, (%rsp)            // rdi = Registers again; its value waits on the stack
        movq    %rax, (%rdi)
        movq    %rbx, 8(%rdi)
        movq    %rcx, 16(%rdi)
        movq    %rdx, 24(%rdi)
        movq    %rsi, 32(%rdi)
        movq    %rbp, 48(%rdi)
        movq    %r8, 56(%rdi)
        movq    %r9, 64(%rdi)
        movq    %r10, 72(%rdi)
        movq    %r11, 80(%rdi)
        movq    %r12, 88(%rdi)
        movq    %r13, 96(%rdi)
        movq    %r14, 104(%rdi)
        movq    %r15, 112(%rdi)
        popq    40(%rdi)
        pushfq
        popq    FLAGS(%rdi)
        movl    %ds, %eax               // the upper bits become 0
        movq    %rax, SEGMENTS(%rdi)
        movl    %es, %eax
        movq    %rax, SEGMENTS+8(%rdi)
        movl    %fs, %eax
        movq    %rax, SEGMENTS+16(%rdi)
        movl    %gs, %eax
        movq    %rax, SEGMENTS+24(%rdi)
        pushq   $2                      // C++ expects DF to be clear
        popfq
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %rbp
        popq    %rbx
        ret
.endm

        .text
with_registers system_call_with, int $0x80
with_registers count_down_with, 1: loop 1b      // rcx; changes no flag
