// How user code calls the kernel on aarch64; kernel/calls/system_call_numbers.h has the table.
#pragma once

#include <cstdint>

// Returns what the kernel returns: a value, or a negative error number.
inline std::int64_t system_call(std::uint64_t number, std::uint64_t first = 0, std::uint64_t second = 0,
                                std::uint64_t third = 0, std::uint64_t fourth = 0, std::uint64_t fifth = 0,
                                std::uint64_t sixth = 0) {
  register std::uint64_t x8 asm("x8") = number;
  register std::uint64_t x0 asm("x0") = first;  // and the result
  register std::uint64_t x1 asm("x1") = second;
  register std::uint64_t x2 asm("x2") = third;
  register std::uint64_t x3 asm("x3") = fourth;
  register std::uint64_t x4 asm("x4") = fifth;
  register std::uint64_t x5 asm("x5") = sixth;
  asm volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return static_cast<std::int64_t>(x0);
}
