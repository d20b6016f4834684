// A kernel that resets the machine: by a triple fault on x86, by request on Arm. Stands in for kernel/main.cc.
#include <cstdint>

extern "C" void start_low() {
#if defined(PAGEWALK_ISA_x86_64)
  struct [[gnu::packed]] {
    std::uint16_t limit = 0;
    std::uint64_t base = 0;
  } nothing;
  asm volatile("lidt %0; int3" ::"m"(nothing));
#else
  register std::uint64_t function asm("x0") = 0x8400'0009;  // PSCI (Arm DEN 0022), SYSTEM_RESET
  asm volatile("hvc #0" : "+r"(function)::"memory");
#endif
  for (;;) asm volatile("");
}

extern "C" void kernel_main() {}
