// How user code calls the kernel on x86_64; kernel/calls/system_call_numbers.h has the table.
#pragma once

#include <cstdint>

// Returns what the kernel returns: a value, or a negative error number.
inline std::int64_t system_call(std::uint64_t number, std::uint64_t first = 0, std::uint64_t second = 0,
                                std::uint64_t third = 0, std::uint64_t fourth = 0, std::uint64_t fifth = 0,
                                std::uint64_t sixth = 0) {
  register std::uint64_t r10 asm("r10") = fourth;
  register std::uint64_t r8 asm("r8") = fifth;
  register std::uint64_t r9 asm("r9") = sixth;
  std::int64_t result;
  asm volatile("int $0x80"
               : "=a"(result)
               : "a"(number), "D"(first), "S"(second), "d"(third), "r"(r10), "r"(r8), "r"(r9)
               : "memory");
  return result;
}
