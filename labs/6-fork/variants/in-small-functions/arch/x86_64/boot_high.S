// Lab 2. The jump. You own this file.
#include "arch/x86_64/asm.inc"

        .text
        .global move_to_high_half
// in: called at a low address, on the low alias of the stack; the kernel is mapped at both halves
// out: returns to the high alias of the caller, on the high alias of the stack; clobbers rax
move_to_high_half:
        movabsq $kernel_offset, %rax
        addq    %rax, (%rsp)
        addq    %rax, %rsp
        ret
