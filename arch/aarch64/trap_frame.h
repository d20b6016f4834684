// The registers of interrupted code as trap_entry.S saves them, lowest address first. Shared by assembly and C++.
#pragma once

#define TRAP_FRAME_X30 240
#define TRAP_FRAME_ELR 256
#define TRAP_FRAME_KIND 272
#define TRAP_FRAME_SP_EL0 280
#define TRAP_FRAME_SIZE 288

#ifndef __ASSEMBLER__
#include <array>
#include <cstddef>
#include <cstdint>

struct TrapFrame {
  std::uint64_t x[31];
  std::uint64_t sp;         // the kernel's, before the trap
  std::uint64_t elr, spsr;  // where it was, and in what state
  std::uint64_t kind;       // which of the 16 vectors
  std::uint64_t sp_el0;     // the user's stack pointer
};
static_assert(offsetof(TrapFrame, x[30]) == TRAP_FRAME_X30);
static_assert(offsetof(TrapFrame, elr) == TRAP_FRAME_ELR);
static_assert(offsetof(TrapFrame, kind) == TRAP_FRAME_KIND);
static_assert(offsetof(TrapFrame, sp_el0) == TRAP_FRAME_SP_EL0);
static_assert(sizeof(TrapFrame) == TRAP_FRAME_SIZE);

// The arguments of a system call, x0 to x5, where they lie: to copy them would take longer than many a call.
inline const std::array<std::uint64_t, 6>& arguments_in(const TrapFrame& frame) {
  return reinterpret_cast<const std::array<std::uint64_t, 6>&>(frame.x);
}
#endif
