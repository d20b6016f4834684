#include "arch/aarch64/decode_trap.h"

#include "arch/aarch64/cpu.h"

namespace {

// Exception classes, ESR_EL1 bits 31:26 (D17.2.37).
constexpr unsigned kFetchAbortFromUser = 0x20;
constexpr unsigned kFetchAbort = 0x21;
constexpr unsigned kPcAlignment = 0x22;
constexpr unsigned kDataAbortFromUser = 0x24;
constexpr unsigned kDataAbort = 0x25;
constexpr std::uint64_t kWriteNotRead = 1 << 6;  // of a data abort

// The fault status code, bits 5:0 of an abort's ESR (D17.2.37): the upper four bits say why, the lower two at which of
// Arm's levels.
FaultCause decode_status(std::uint64_t esr) {
  const unsigned status = esr & 0x3f;
  if (status == 0x21) return FaultCause::kAlignment;
  switch (status >> 2) {
    case 0: return FaultCause::kAddressSize;
    case 1: return FaultCause::kNotPresent;
    case 2: return FaultCause::kAccessFlag;
    case 3: return FaultCause::kPermission;
    default: return FaultCause::kBus;
  }
}

}  // namespace

std::optional<Fault> decode_fault(const TrapFrame& frame, std::uint64_t esr) {
  Access access = Access::kRead;
  switch (exception_class(esr)) {
    case kFetchAbort:
    case kFetchAbortFromUser: access = Access::kExecute; break;
    case kDataAbort:
    case kDataAbortFromUser: access = (esr & kWriteNotRead) != 0 ? Access::kWrite : Access::kRead; break;
    case kPcAlignment:
      return Fault{VirtAddr{cpu::read_far()}, Access::kExecute, FaultCause::kAlignment, VirtAddr{frame.elr},
                   mode_of(frame)};
    default: return std::nullopt;
  }
  return Fault{VirtAddr{cpu::read_far()}, access, decode_status(esr), VirtAddr{frame.elr}, mode_of(frame)};
}

std::string_view exception_name(unsigned exception_class) {
  switch (exception_class) {
    case 0x00: return "unknown-or-undefined";
    case 0x01: return "wait-instruction";
    case 0x07: return "floating-point-trapped";
    case 0x0e: return "illegal-state";
    case 0x15: return "supervisor-call";
    case 0x18: return "system-register";
    case 0x26: return "stack-alignment";
    case 0x2f: return "system-error";
    case 0x30:
    case 0x32: return "debug";
    case kBreakpoint: return "breakpoint";
    default: return "unexpected-exception";
  }
}
