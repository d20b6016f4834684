// Lab 2. The jump. You own this file.
#include "arch/aarch64/asm.inc"

        .text
        .global move_to_high_half
// in: called at a low address, on the low alias of the stack; the kernel is mapped at both halves
// out: returns to the high alias of the caller, on the high alias of the stack; clobbers x9, x10
move_to_high_half:
        // @lab 2 begin: move_to_high_half
        //: The return address in x30 and the stack pointer are low addresses. kernel_offset, a symbol whose value is
        //: va - pa, turns each into its high alias (ldr xN, =kernel_offset loads all 64 bits). Then return.
        ldr     x9, =kernel_offset
        add     x30, x30, x9            // where we return to
        mov     x10, sp
        add     x10, x10, x9
        mov     sp, x10                 // the same memory by its high name
        ret
        // @lab 2 end
