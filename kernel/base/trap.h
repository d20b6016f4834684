// What an exception says once an ISA has decoded it, and what the kernel does with it.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/addr.h"

enum class Access : std::uint8_t { kRead, kWrite, kExecute };
enum class Mode : std::uint8_t { kKernel, kUser };

// Why the MMU refused an access.
enum class FaultCause : std::uint8_t {
  kNotPresent,    // the walk ended at an entry that is not valid
  kPermission,    // the page is there, but not for this access
  kReservedBit,   // an entry has a bit set that must be zero (x86)
  kAddressSize,   // the address, or one in an entry, is wider than configured (Arm)
  kAccessFlag,    // the access flag of the leaf is clear (Arm)
  kNonCanonical,  // the upper bits do not extend bit 47 (x86)
  kAlignment,     // the access must be aligned here
  kBus,           // nothing answers at the physical address
};

struct Fault {
  VirtAddr address;
  Access access;
  FaultCause cause;
  VirtAddr pc;
  Mode mode;
};

constexpr std::string_view name(Access access) {
  switch (access) {
    case Access::kRead: return "read";
    case Access::kWrite: return "write";
    case Access::kExecute: return "execute";
  }
  return "unknown";
}

constexpr std::string_view name(Mode mode) {
  return mode == Mode::kUser ? "user" : "kernel";
}

constexpr std::string_view name(FaultCause cause) {
  switch (cause) {
    case FaultCause::kNotPresent: return "not-present";
    case FaultCause::kPermission: return "permission";
    case FaultCause::kReservedBit: return "reserved-bit";
    case FaultCause::kAddressSize: return "address-size";
    case FaultCause::kAccessFlag: return "access-flag";
    case FaultCause::kNonCanonical: return "non-canonical";
    case FaultCause::kAlignment: return "alignment";
    case FaultCause::kBus: return "bus";
  }
  return "unknown";
}

// Whether the kernel goes on after a fault.
enum class Outcome : std::uint8_t { kGoesOn, kFatal };

// Call this before the last report of a kernel that is about to stop. A fault in the middle of that report would be
// reported in turn, and so on for ever: the second call halts the CPU, and the first report stands.
void begin_last_report();

// Prints the line of facts: @fault address= access= cause= pc= mode= fatal=.
void print_fault(const Fault& fault, Outcome outcome);

// A memory fault of the kernel that nobody waits for: reports it and stops the machine.
[[noreturn]] void fatal_fault(const Fault& fault);

// Any other exception that the kernel does not expect: reports it and stops the machine. `code` is what the
// hardware says about it (x86: the error code; Arm: ESR_EL1).
[[noreturn]] void fatal_exception(std::string_view what, std::uint64_t code, VirtAddr pc, Mode mode);

// The stack pointer `sp` has left its stack. Reported from the emergency stack.
[[noreturn]] void fatal_stack_overflow(VirtAddr sp, VirtAddr pc);
