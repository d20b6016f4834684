// The timer of the local APIC (Intel SDM vol. 3, 10.4 and 10.5.4).
#include "arch/arch.h"
#include "arch/x86_64/traps.h"
#include "kernel/base/layout.h"

namespace {

constexpr std::uint64_t kEndOfInterrupt = 0xb0;
constexpr std::uint64_t kSpurious = 0xf0;
constexpr std::uint64_t kTimerEntry = 0x320;
constexpr std::uint64_t kInitialCount = 0x380;
constexpr std::uint64_t kDivide = 0x3e0;

constexpr std::uint32_t kSoftwareEnable = 1 << 8;
constexpr std::uint32_t kPeriodic = 1 << 17;
constexpr std::uint32_t kDivideByOne = 0b1011;

// QEMU's local APIC counts at 1 GHz. Real ones differ and are measured against another clock; nothing here needs a
// tick of an exact length.
constexpr std::uint32_t kCountsPerMicrosecond = 1000;

volatile std::uint32_t& apic_register(std::uint64_t offset) {
  return *static_cast<volatile std::uint32_t*>(register_at(layout::kLocalApic + offset));
}

}  // namespace

void Arch::start_timer(unsigned microseconds) {
  apic_register(kSpurious) = kSoftwareEnable | kSpuriousVector;
  apic_register(kDivide) = kDivideByOne;
  apic_register(kTimerEntry) = kPeriodic | kTimerVector;
  apic_register(kInitialCount) = microseconds * kCountsPerMicrosecond;
}

void end_of_interrupt() {
  apic_register(kEndOfInterrupt) = 0;
}
