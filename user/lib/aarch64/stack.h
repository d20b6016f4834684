// A stack pointer of one's own choice, for the time of an instruction (aarch64).
#pragma once

#include <cstdint>

#include "kernel/calls/system_call_numbers.h"

inline std::int64_t getpid_with_stack_at(std::uint64_t address) {
  register std::uint64_t x8 asm("x8") = system_calls::kGetpid;
  register std::uint64_t x0 asm("x0") = 0;
  asm volatile("mov x9, sp; mov sp, %2; svc #0; mov sp, x9" : "+r"(x0) : "r"(x8), "r"(address) : "x9", "memory");
  return static_cast<std::int64_t>(x0);
}

inline void push_with_stack_at(std::uint64_t address) {
  asm volatile("mov x9, sp; mov sp, %0; str x0, [sp, #-16]!; mov sp, x9" ::"r"(address) : "x9", "memory");
}
