// All registers that a program has on aarch64, but its stack pointer and its place: as a list, to fill and to compare.
#pragma once

#include <cstdint>

inline constexpr unsigned kRegisterCount = 33;
inline constexpr const char* kRegisterNames[kRegisterCount] = {
    "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",        "x10",
    "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20",       "x21",
    "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "tpidr_el0", "nzcv",
};

// The places in the list of a system call's number, result and arguments, and of what count_down_with() counts with.
inline constexpr unsigned kNumberRegister = 8;
inline constexpr unsigned kResultRegister = 0;
inline constexpr unsigned kArgumentRegisters[6] = {0, 1, 2, 3, 4, 5};
inline constexpr unsigned kCountRegister = 0;

struct Registers {
  std::uint64_t values[kRegisterCount];

  bool operator==(const Registers&) const = default;
};

// What `random` becomes, so that a program may have it in register `number`.
constexpr std::uint64_t legal_value(unsigned number, std::uint64_t random) {
  constexpr std::uint64_t kConditionFlags = std::uint64_t{0xf} << 28;  // N, Z, C, V (Arm ARM C5.2.12)
  return number == kRegisterCount - 1 ? random & kConditionFlags : random;
}

// registers.S. Loads all registers, calls the kernel, and puts what is in them then into `registers`.
extern "C" void system_call_with(Registers& registers);

// The same, but counts kCountRegister down to 0 instead, and touches no other register.
extern "C" void count_down_with(Registers& registers);
