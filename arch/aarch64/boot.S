// From power-on to C++. QEMU starts us at `start`, at EL1 or EL2, with the MMU off and caches off.

        .text
        .global start
start:
        msr     daifset, #0xf           // no interrupts
        mrs     x0, currentel           // bits 3:2 (Arm ARM C5.2.1)
        lsr     x0, x0, #2
        adrp    x1, boot_exception_level
        str     x0, [x1, #:lo12:boot_exception_level]
        cmp     x0, #2
        b.ne    at_el1

        // A hypervisor would stay at EL2. We go down: EL1 runs AArch64 (HCR_EL2.RW), sees the virtual timer unshifted
        // (CNTVOFF_EL2), and starts with SCTLR_EL1 in its reset state.
        mov     x0, #(1 << 31)
        msr     hcr_el2, x0
        msr     mdcr_el2, xzr           // debug exceptions stay at EL1
        msr     cntvoff_el2, xzr
        ldr     x0, =0x30d00800
        msr     sctlr_el1, x0
        mov     x0, #0x3c5              // EL1 with its own sp, all interrupts masked
        msr     spsr_el2, x0
        adr     x0, at_el1
        msr     elr_el2, x0
        eret

        .cfi_sections   .debug_frame
        .cfi_startproc
        .cfi_undefined  x30             // for GDB: nobody called this, so a backtrace ends here
at_el1:
        msr     spsel, #1
        isb
        adrp    x0, boot_stack_end
        mov     sp, x0                  // the linker script aligns it to a page
        bl      start_low
        bl      move_to_high_half       // comes back at the high address
        bl      kernel_main
        .cfi_endproc

        .data
        .balign 8
        .global boot_exception_level
boot_exception_level:
        .quad   0
