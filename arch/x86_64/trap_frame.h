// The registers of interrupted code as trap_entry.S saves them, lowest address first. Shared by assembly and C++.
#pragma once

#define TRAP_FRAME_SIZE 176

#ifndef __ASSEMBLER__
#include <cstdint>

struct TrapFrame {
  // Pushed by trap_entry.S.
  std::uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
  std::uint64_t vector;
  // Pushed by the CPU; where it has no error code, trap_entry.S pushes 0 (Intel SDM vol. 3, 6.14.2).
  std::uint64_t error, rip, cs, rflags, rsp, ss;
};
static_assert(sizeof(TrapFrame) == TRAP_FRAME_SIZE);
#endif
