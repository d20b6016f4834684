"""What mmap and mprotect are told, with Linux's numbers (include/uapi/asm-generic/mman-common.h)."""

READ, WRITE, EXECUTE = 1, 2, 4
SHARED, PRIVATE, FIXED, ANONYMOUS, FIXED_NOREPLACE = 1, 2, 0x10, 0x20, 0x10_0000
