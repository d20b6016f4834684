// Where a program begins. in: rsp -> argc, argv[0] ... argv[argc-1], 0; rsp is a multiple of 16. Does not return.
        .section .text.start, "ax"
        .global _start
        .cfi_sections   .debug_frame
        .cfi_startproc
        .cfi_undefined  rip             // for GDB: nobody called this, so a backtrace ends here
_start:
        nopl    0x4d4b0003(%rax)        // a marker (marker.h): a program begins
        movq    (%rsp), %rdi            // argc
        leaq    8(%rsp), %rsi           // argv
        call    start_program           // user/lib/start.cc
        .cfi_endproc
