// What this ISA offers to kernel/: the contract of arch/arch.h.
#pragma once

#include <cstdint>
#include <optional>

#include "arch/aarch64/cpu.h"
#include "arch/aarch64/layout.h"
#include "arch/aarch64/paging.h"

struct Arch {
  using Paging = Aarch64Paging;
  static constexpr char kName[] = "aarch64";

  static void console_start();
  static void console_write(char c);
  static std::optional<char> console_read();
  [[noreturn]] static void power_off();
  [[noreturn]] static void halt();

  static void install_traps();
  static void breakpoint() { asm volatile("brk #0" ::: "memory"); }

  static bool disable_interrupts() {
    const bool were_enabled = (cpu::read_daif() & cpu::kDaifInterrupts) == 0;
    asm volatile("msr daifset, #2" ::: "memory");
    return were_enabled;
  }
  static void restore_interrupts(bool were_enabled) {
    if (were_enabled) asm volatile("msr daifclr, #2" ::: "memory");
  }
  static void wait_for_interrupt();
  static void start_timer(unsigned microseconds);

  // The walker sees a store only after a barrier, and the barrier must end before the next access (Arm ARM, "Ordering
  // of memory accesses from translation table walks").
  static void table_written() { asm volatile("dsb ishst; isb" ::: "memory"); }
  static void flush_page(VirtAddr va);
  static void flush_all();
  // Addresses whose upper bits are all one belong to TTBR1, the others to TTBR0 (D8.1.1).
  static PhysAddr active_root(VirtAddr va) {
    return PhysAddr{((va.raw() >> 63) != 0 ? cpu::read_ttbr1() : cpu::read_ttbr0()) & Paging::kAddress};
  }
};
