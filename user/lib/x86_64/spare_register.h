// A register that is the user's alone: the kernel has no use for it, and a trap leaves it as it is. On x86_64 that is
// the selector in %gs. 0 to 3 all mean "no segment", so it holds bits 1:0 of a number.
#pragma once

#include <cstdint>

inline void set_spare_register(std::uint64_t value) {
  asm volatile("mov %w0, %%gs" ::"r"(value & 3));
}

inline bool spare_register_holds(std::uint64_t value) {
  std::uint16_t held;
  asm volatile("mov %%gs, %0" : "=r"(held));
  return held == (value & 3);
}
