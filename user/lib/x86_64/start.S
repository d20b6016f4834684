// Where a program begins. in: rsp -> argc, argv[0] ... argv[argc-1], 0; rsp is a multiple of 16. Does not return.
        .section .text.start, "ax"
        .global _start
_start:
        nopl    0x4d4b0003(%rax)        // a marker (marker.h): a program begins
        movq    (%rsp), %rdi            // argc
        leaq    8(%rsp), %rsi           // argv
        call    start_program           // user/lib/start.cc
