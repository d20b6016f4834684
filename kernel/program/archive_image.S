/* The user programs, as the archive that the build made of them. kernel/program/archive.h reads it. */
        .section .rodata
        .global archive_start, archive_end
archive_start:
        .incbin "programs.tar"
archive_end:
