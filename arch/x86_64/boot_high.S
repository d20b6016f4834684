// Lab 2. The jump. You own this file.
#include "arch/x86_64/asm.inc"

        .text
        .global move_to_high_half
// in: called at a low address, on the low alias of the stack; the kernel is mapped at both halves
// out: returns to the high alias of the caller, on the high alias of the stack; clobbers rax
move_to_high_half:
        // @lab 2 begin: move_to_high_half
        //: The return address on the stack and the stack pointer itself are low addresses. kernel_offset, a symbol whose
        //: value is va - pa, turns each into its high alias (movabsq loads all 64 bits). Then return.
        movabsq $kernel_offset, %rax
        addq    %rax, (%rsp)            // where we return to
        addq    %rax, %rsp              // the same memory by its high name
        ret
        // @lab 2 end
