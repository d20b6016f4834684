#include "arch/x86_64/decode_trap.h"

#include "arch/arch.h"
#include "arch/x86_64/traps.h"

namespace {

// Page-fault error code (Intel SDM vol. 3, 4.7).
constexpr std::uint64_t kPresent = 1 << 0;
constexpr std::uint64_t kWrite = 1 << 1;
constexpr std::uint64_t kReserved = 1 << 3;
constexpr std::uint64_t kFetch = 1 << 4;

}  // namespace

Fault decode_page_fault(const TrapFrame& frame) {
  const Access access = (frame.error & kFetch) != 0   ? Access::kExecute
                        : (frame.error & kWrite) != 0 ? Access::kWrite
                                                      : Access::kRead;
  const FaultCause cause = (frame.error & kReserved) != 0  ? FaultCause::kReservedBit
                           : (frame.error & kPresent) != 0 ? FaultCause::kPermission
                                                           : FaultCause::kNotPresent;
  return {VirtAddr{cpu::read_cr2()}, access, cause, VirtAddr{frame.rip}, mode_of(frame)};
}

std::string_view exception_name(std::uint64_t vector) {
  switch (vector) {
    case 0: return "divide-error";
    case 1: return "debug";
    case 2: return "nmi";
    case 4: return "overflow";
    case 5: return "bound-range";
    case 6: return "invalid-opcode";
    case 7: return "device-not-available";
    case 8: return "double-fault";
    case 10: return "invalid-tss";
    case 11: return "segment-not-present";
    case 12: return "stack-segment";
    case 13: return "general-protection";
    case 16: return "x87";
    case 17: return "alignment-check";
    case 18: return "machine-check";
    case 19: return "simd";
    case 21: return "control-protection";
    default: return vector < kFirstInterruptVector ? "reserved-exception" : "unexpected-interrupt";
  }
}
