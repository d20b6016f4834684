// Where a program begins. in: sp -> argc, argv[0] ... argv[argc-1], 0; sp is a multiple of 16. Does not return.
        .section .text.start, "ax"
        .global _start
        .cfi_sections   .debug_frame
        .cfi_startproc
        .cfi_undefined  x30             // for GDB: nobody called this, so a backtrace ends here
_start:
        movz    xzr, #3                 // a marker (marker.h): a program begins
        ldr     x0, [sp]                // argc
        add     x1, sp, #8              // argv
        bl      start_program           // user/lib/start.cc
        .cfi_endproc
