// The registers of interrupted code as trap_entry.S saves them, lowest address first. Shared by assembly and C++.
#pragma once

#define TRAP_FRAME_SIZE 176

#ifndef __ASSEMBLER__
#include <array>
#include <cstddef>
#include <cstdint>

struct TrapFrame {
  // Pushed by trap_entry.S.
  std::uint64_t r15, r14, r13, r12, rbp, rbx, r11, rcx;
  std::uint64_t rdi, rsi, rdx, r10, r8, r9;  // the arguments of a system call, in their order
  std::uint64_t rax;
  std::uint64_t vector;
  // Pushed by the CPU; where it has no error code, trap_entry.S pushes 0 (Intel SDM vol. 3, 6.14.2).
  std::uint64_t error, rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(TrapFrame) == TRAP_FRAME_SIZE);
static_assert(offsetof(TrapFrame, rax) - offsetof(TrapFrame, rdi) == 6 * sizeof(std::uint64_t));

// The arguments of a system call, where they lie: to copy them would take longer than many a call.
inline const std::array<std::uint64_t, 6>& arguments_in(const TrapFrame& frame) {
  return reinterpret_cast<const std::array<std::uint64_t, 6>&>(frame.rdi);
}
#endif
