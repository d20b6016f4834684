// User mode on the host's machine: nobody runs programs there, but their memory is real (mmu.h).
#pragma once

#include <array>
#include <cstdint>

#include "arch/thread_layout.h"
#include "arch/vital.h"
#include "kernel/base/addr.h"

struct UserMode {
  static constexpr std::uint16_t kElfMachine = 0;  // EM_NONE
  // As on x86: a root has the kernel's entries in its upper half. Only the temporary mappings are elsewhere.
  static constexpr bool kOneRootForBothHalves = true;

  struct Registers {
    std::uint64_t thread_pointer = 0;
  };

  static void prepare() {}
  static void load_root(PhysAddr root);
  static void forget_user_translations();

  static void set_trap_stack(VirtAddr) {}
  static void enter_at(VirtAddr, VirtAddr, VirtAddr) {}
  static void copy_frame(VirtAddr, VirtAddr) {}
  static void set_result(VirtAddr, std::uint64_t) {}
  static void* prepare_stack(VirtAddr) { return nullptr; }
  static void code_written(VirtAddr va, std::uint64_t size);
  static void save_registers(Registers&) {}
  static void load_registers(const Registers&) {}
  static ThreadLayout thread_layout(std::uint64_t, std::uint64_t) { return {}; }
  static std::array<Vital, 1> vitals() { return {}; }

  template <unsigned kId>
  static void mark() {}
};
