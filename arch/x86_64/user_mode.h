// User mode on this ISA: the contract of arch/user_mode.h.
//
// A system call is `int 0x80`, an interrupt like any other: one way in and one way out for all traps. The instruction
// `syscall` is faster on real hardware, but leaves the user's stack pointer in place, takes a register for the way back
// and needs swapgs; it stays off (EFER.SCE = 0) and is an invalid opcode.
#pragma once

#include <array>
#include <cstdint>

#include "arch/thread_layout.h"
#include "arch/vital.h"
#include "arch/x86_64/cpu.h"
#include "arch/x86_64/descriptor_tables.h"

struct UserMode {
  static constexpr std::uint16_t kElfMachine = 62;  // EM_X86_64
  static constexpr bool kOneRootForBothHalves = true;

  // Segments that user code may load as it likes, and the base of FS: the thread pointer.
  struct Registers {
    std::uint16_t ds = 0, es = 0, fs = 0, gs = 0;
    std::uint64_t thread_pointer = 0;
  };

  static void prepare();

  // The load of CR3 forgets all translations but the global ones (Intel SDM vol. 3, 4.10.4.1): nothing is left to do.
  static void load_root(PhysAddr root) { cpu::write_cr3(root.raw()); }
  static void forget_user_translations() {}

  static void set_trap_stack(VirtAddr top) { ::set_trap_stack(top); }
  static void enter_at(VirtAddr top, VirtAddr pc, VirtAddr sp);
  static void copy_frame(VirtAddr top, VirtAddr top_of_other);
  static void set_result(VirtAddr top, std::uint64_t value);
  static void* prepare_stack(VirtAddr top);
  // Caches are coherent, and the way to user mode serialises (Intel SDM vol. 3, 11.6 and 8.3).
  static void code_written(VirtAddr, std::uint64_t) {}
  static void save_registers(Registers& registers);
  static void load_registers(const Registers& registers);
  static ThreadLayout thread_layout(std::uint64_t size, std::uint64_t alignment);
  static std::array<Vital, 3> vitals();

  template <unsigned kId>
  static void mark() {
    asm volatile(".byte 0x0f, 0x1f, 0x80; .long %c0" ::"i"(0x4d4b'0000 | kId) : "memory");  // nopl %0(%rax)
  }
};
