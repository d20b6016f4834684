// All registers that a program has on x86_64, but its stack pointer and its place: as a list, to fill and to compare.
#pragma once

#include <cstdint>

inline constexpr unsigned kRegisterCount = 20;
inline constexpr const char* kRegisterNames[kRegisterCount] = {
    "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10",
    "r11", "r12", "r13", "r14", "r15", "ds",  "es",  "fs", "gs", "rflags",
};

// The places in the list of a system call's number, result and arguments, and of what count_down_with() counts with.
inline constexpr unsigned kNumberRegister = 0;
inline constexpr unsigned kResultRegister = 0;
inline constexpr unsigned kArgumentRegisters[6] = {5, 4, 3, 9, 7, 8};
inline constexpr unsigned kCountRegister = 2;

struct Registers {
  std::uint64_t values[kRegisterCount];

  bool operator==(const Registers&) const = default;
};

// What `random` becomes, so that a program may have it in register `number`.
constexpr std::uint64_t legal_value(unsigned number, std::uint64_t random) {
  // Segments a user may load: data, code (arch/x86_64/segments.h); the lowest two bits say who asks. Not none, which a
  // program has at first: who forgot the register would be right by chance.
  constexpr std::uint16_t kSelectors[] = {3 << 3, 3 << 3 | 3, 4 << 3 | 3};
  // CF, PF, AF, ZF, SF, DF, OF, NT, AC and ID (Intel SDM vol. 1, 3.4.3); bits 1 and 9 are always one.
  constexpr std::uint64_t kFreeFlags = 0x24'4cd5, kFixedFlags = 1 << 1 | 1 << 9;
  if (number == kRegisterCount - 1) return (random & kFreeFlags) | kFixedFlags;
  if (number >= 15) return kSelectors[random % 3];
  return random;
}

// registers.S. Loads all registers, calls the kernel, and puts what is in them then into `registers`.
extern "C" void system_call_with(Registers& registers);

// The same, but counts kCountRegister down to 0 instead, and touches no other register.
extern "C" void count_down_with(Registers& registers);
