"""What mmap and mprotect are told, with Linux's numbers (include/uapi/asm-generic/mman-common.h)."""

READ, WRITE, EXECUTE = 1, 2, 4
TYPE_MASK, SHARED, PRIVATE, FIXED, ANONYMOUS, FIXED_NOREPLACE = 0xF, 1, 2, 0x10, 0x20, 0x10_0000
