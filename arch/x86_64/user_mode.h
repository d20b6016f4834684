// User mode on this ISA: the contract of arch/user_mode.h.
//
// A system call is `int 0x80`, an interrupt like any other: one way in and one way out for all traps. The instruction
// `syscall` is faster on real hardware, but leaves the user's stack pointer in place, takes a register for the way back
// and needs swapgs; it stays off (EFER.SCE = 0) and is an invalid opcode.
#pragma once

#include <array>
#include <cstdint>

#include "arch/vital.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/descriptor_tables.h"

struct UserMode {
  static constexpr std::uint16_t kElfMachine = 62;  // EM_X86_64
  static constexpr bool kOneRootForBothHalves = true;

  // Segments that user code may load as it likes.
  struct Registers {
    std::uint16_t ds = 0, es = 0, fs = 0, gs = 0;
  };

  static void prepare();

  // The load of CR3 forgets all translations but the global ones (Intel SDM vol. 3, 4.10.4.1): nothing is left to do.
  static void load_root(PhysAddr root) { cpu::write_cr3(root.raw()); }
  static void forget_user_translations() {}

  static void set_trap_stack(VirtAddr top) { ::set_trap_stack(top); }
  static void* prepare_stack(VirtAddr top, VirtAddr pc, VirtAddr sp);
  // Caches are coherent, and the way to user mode serialises (Intel SDM vol. 3, 11.6 and 8.3).
  static void code_written(VirtAddr, std::uint64_t) {}
  static void switch_registers(Registers& from, const Registers& to);
  static std::array<Vital, 3> vitals();

  template <unsigned kId>
  static void mark() {
    asm volatile(".byte 0x0f, 0x1f, 0x80; .long %c0" ::"i"(0x4d4b'0000 | kId) : "memory");  // nopl %0(%rax)
  }
};
