// What this ISA offers to kernel/: the contract of arch/arch.h.
#pragma once

#include <cstdint>
#include <optional>

#include "arch/x86_64/cpu.h"
#include "arch/x86_64/layout.h"
#include "arch/x86_64/paging.h"

struct Arch {
  using Paging = X86_64Paging;
  static constexpr char kName[] = "x86_64";

  static void console_start();
  static void console_write(char c);
  static std::optional<char> console_read();
  [[noreturn]] static void power_off();
  [[noreturn]] static void halt();

  static void install_traps();
  static void breakpoint() { asm volatile("int3" ::: "memory"); }

  static bool disable_interrupts() {
    const bool were_enabled = (cpu::read_flags() & cpu::kFlagInterrupts) != 0;
    asm volatile("cli" ::: "memory");
    return were_enabled;
  }
  static void restore_interrupts(bool were_enabled) {
    if (were_enabled) asm volatile("sti" ::: "memory");
  }
  static void wait_for_interrupt();
  static void start_timer(unsigned microseconds);

  // An entry that becomes present needs no invalidation (Intel SDM vol. 3, 4.10.4.3), and x86 keeps stores in order.
  static void table_written() { asm volatile("" ::: "memory"); }
  static void flush_page(VirtAddr va) { cpu::invlpg(va); }
  static void flush_all();
  static PhysAddr active_root(VirtAddr) { return PhysAddr{cpu::read_cr3() & Paging::kAddress}; }
};
