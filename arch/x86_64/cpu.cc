// Waiting for interrupts, translations forgotten, power off.
#include "arch/x86_64/cpu.h"

#include "arch/arch.h"
#include "kernel/base/layout.h"

// An interrupt is not taken between sti and hlt (Intel SDM vol. 2, STI), so none is slept through.
void Arch::wait_for_interrupt() {
  asm volatile("sti; hlt; cli" ::: "memory");
}

// Changing CR4.PGE forgets all translations, global ones included (Intel SDM vol. 3, 4.10.4.1). Where it is off none is
// global, and maybe the CPU has no such bit.
void Arch::flush_all() {
  const std::uint64_t cr4 = cpu::read_cr4();
  if ((cr4 & cpu::kCr4GlobalPages) == 0) return cpu::write_cr3(cpu::read_cr3());
  cpu::write_cr4(cr4 ^ cpu::kCr4GlobalPages);
  cpu::write_cr4(cr4);
}

void Arch::power_off() {
  // ACPI, 4.8.3.7: sleep type 5 (soft off) in bits 4:2, sleep enable in bit 5.
  constexpr std::uint64_t kSleepControl = 0x200;
  constexpr std::uint8_t kSoftOff = 5 << 2 | 1 << 5;
  *static_cast<volatile std::uint8_t*>(register_at(layout::kPower + kSleepControl)) = kSoftOff;
  halt();
}

void Arch::halt() {
  for (;;) asm volatile("cli; hlt");
}
