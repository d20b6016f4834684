// A stack pointer of one's own choice, for the time of an instruction (x86_64).
#pragma once

#include <cstdint>

#include "kernel/calls/system_call_numbers.h"

inline std::int64_t getpid_with_stack_at(std::uint64_t address) {
  std::uint64_t result = system_calls::kGetpid;
  asm volatile("xchg %%rsp, %1; int $0x80; xchg %%rsp, %1" : "+a"(result), "+r"(address) : : "memory");
  return static_cast<std::int64_t>(result);
}

inline void push_with_stack_at(std::uint64_t address) {
  asm volatile("xchg %%rsp, %0; push %%rax; xchg %%rsp, %0" : "+r"(address) : : "memory");
}
