// Waiting for interrupts, translations forgotten, power off.
#include "arch/aarch64/cpu.h"

#include "arch/arch.h"

// boot.S: the exception level at which we were started, 1 or 2.
extern "C" const std::uint64_t boot_exception_level;

// wfi wakes for an interrupt that is masked (Arm ARM D1.6.2), so none is slept through.
void Arch::wait_for_interrupt() {
  asm volatile("wfi; msr daifclr, #2; isb; msr daifset, #2" ::: "memory");
}

// Stores to tables, then the invalidation, then its completion, then what was fetched ahead (D8.13.5).
void Arch::flush_page(VirtAddr va) {
  const std::uint64_t page = va.raw() << 8 >> 20;  // bits 55:12 (C5.5, TLBI VAAE1)
  asm volatile("dsb ishst; tlbi vaae1is, %0; dsb ish; isb" ::"r"(page) : "memory");
}

void Arch::flush_all() {
  asm volatile("dsb ishst; tlbi vmalle1is; dsb ish; isb" ::: "memory");
}

void Arch::power_off() {
  // PSCI (Arm DEN 0022), SYSTEM_OFF. Whoever runs one level above us answers: a hypervisor if we were started at EL1,
  // the firmware if at EL2.
  register std::uint64_t function asm("x0") = 0x8400'0008;
  if (boot_exception_level == 1) {
    asm volatile("hvc #0" : "+r"(function)::"memory");
  } else {
    asm volatile("smc #0" : "+r"(function)::"memory");
  }
  halt();
}

void Arch::halt() {
  asm volatile("msr daifset, #0xf");
  for (;;) asm volatile("wfi");
}
