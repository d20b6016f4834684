# The cross compiler for x86_64, by its prefixed name: the same on every host.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER x86_64-linux-gnu-gcc)
set(CMAKE_CXX_COMPILER x86_64-linux-gnu-g++)
set(CMAKE_ASM_COMPILER x86_64-linux-gnu-gcc)
# There is no C library to link a test program with.
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
# No SIMD: its registers are not saved by a trap.
set(ISA_FLAGS -mgeneral-regs-only -fcf-protection=none)
# Kernel code alone. No red zone: a trap pushes its frame right below the stack pointer.
set(KERNEL_FLAGS -mno-red-zone)
