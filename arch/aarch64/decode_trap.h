// What a trap frame and the CPU's registers say about an exception.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "arch/aarch64/trap_frame.h"
#include "kernel/base/trap.h"

// The 16 vectors: four origins of four kinds each (Arm ARM D1.3.1, table D1-7).
enum class TrapKind : std::uint8_t { kSynchronous, kInterrupt, kFastInterrupt, kSystemError };
inline TrapKind trap_kind(const TrapFrame& frame) {
  return static_cast<TrapKind>(frame.kind % 4);
}

// Which mode was interrupted: EL0 is 0 in SPSR_EL1.M (C5.2.18).
inline Mode mode_of(const TrapFrame& frame) {
  return (frame.spsr & 0xf) == 0 ? Mode::kUser : Mode::kKernel;
}

// Exception classes, ESR_EL1 bits 31:26 (D17.2.37).
inline constexpr unsigned kSystemCall = 0x15;
inline constexpr unsigned kBreakpoint = 0x3c;
inline unsigned exception_class(std::uint64_t esr) {
  return (esr >> 26) & 0x3f;
}

// The fault that `esr` tells of, if it is one of the MMU's. Reads FAR_EL1: call it before the next fault can happen.
std::optional<Fault> decode_fault(const TrapFrame& frame, std::uint64_t esr);

std::string_view exception_name(unsigned exception_class);
