// A register that is the user's alone: the kernel has no use for it, and a trap leaves it as it is. On aarch64 that is
// the thread pointer.
#pragma once

#include <cstdint>

inline void set_spare_register(std::uint64_t value) {
  asm volatile("msr tpidr_el0, %0" ::"r"(value));
}

inline bool spare_register_holds(std::uint64_t value) {
  std::uint64_t held;
  asm volatile("mrs %0, tpidr_el0" : "=r"(held));
  return held == value;
}
