# The cross compiler for aarch64, by its prefixed name: the same on every host.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER aarch64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-gcc)
# There is no C library to link a test program with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
# No SIMD: its registers are not saved by a trap.
set(ISA_FLAGS -mgeneral-regs-only -mno-outline-atomics -mbranch-protection=none)
# Kernel code alone. Strict alignment: with the MMU off all memory is Device memory, where an unaligned access faults
# (Arm ARM B2.7.2).
set(KERNEL_FLAGS -mstrict-align)
