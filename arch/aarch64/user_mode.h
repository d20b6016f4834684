// User mode on this ISA: the contract of arch/user_mode.h.
//
// All processes share one address space identifier (ASID), and their translations are forgotten at each switch of
// roots, as on an x86 without identifiers. A root has no identifier to run out of, and nothing stale can outlive a
// switch. The price is that a process finds its TLB empty when its turn comes.
#pragma once

#include <array>
#include <cstdint>

#include "arch/aarch64/cpu.h"
#include "arch/thread_layout.h"
#include "arch/vital.h"

struct UserMode {
  static constexpr std::uint16_t kElfMachine = 183;  // EM_AARCH64
  static constexpr bool kOneRootForBothHalves = false;

  // TPIDR_EL0, which user code may write.
  struct Registers {
    std::uint64_t thread_pointer = 0;
  };

  static void prepare();

  static void load_root(PhysAddr root) { cpu::write_ttbr0(root.raw()); }
  static void forget_user_translations();

  static void set_trap_stack(VirtAddr top);
  static void enter_at(VirtAddr top, VirtAddr pc, VirtAddr sp);
  static void copy_frame(VirtAddr top, VirtAddr top_of_other);
  static void set_result(VirtAddr top, std::uint64_t value);
  static void* prepare_stack(VirtAddr top);
  static void code_written(VirtAddr va, std::uint64_t size);
  static void save_registers(Registers& registers);
  static void load_registers(const Registers& registers);
  static ThreadLayout thread_layout(std::uint64_t size, std::uint64_t alignment);
  static std::array<Vital, 3> vitals();

  template <unsigned kId>
  static void mark() {
    asm volatile("movz xzr, #%0" ::"i"(kId) : "memory");
  }
};
