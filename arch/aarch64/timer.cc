// The virtual timer of the CPU (Arm ARM D11.2) and the interrupt controller GICv2 (Arm IHI 0048) that brings us its
// interrupts.
#include "arch/aarch64/traps.h"
#include "arch/arch.h"
#include "kernel/base/layout.h"

namespace {

constexpr std::uint64_t kDistributorControl = 0x000;
constexpr std::uint64_t kSetEnable = 0x100;  // a bit per interrupt
constexpr std::uint64_t kCpuControl = 0x000;
constexpr std::uint64_t kPriorityMask = 0x004;
constexpr std::uint64_t kAcknowledge = 0x00c;
constexpr std::uint64_t kEndOfInterrupt = 0x010;

constexpr std::uint64_t kTimerEnable = 1;

constinit std::uint64_t g_period = 0;  // in counts of the timer

volatile std::uint32_t& distributor(std::uint64_t offset) {
  return *static_cast<volatile std::uint32_t*>(register_at(layout::kGicDistributor + offset));
}

volatile std::uint32_t& cpu_interface(std::uint64_t offset) {
  return *static_cast<volatile std::uint32_t*>(register_at(layout::kGicCpu + offset));
}

}  // namespace

void Arch::start_timer(unsigned microseconds) {
  std::uint64_t frequency;
  asm volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
  g_period = frequency * microseconds / 1'000'000;
  distributor(kDistributorControl) = 1;
  distributor(kSetEnable) = 1 << kTimerInterrupt;
  cpu_interface(kPriorityMask) = 0xff;
  cpu_interface(kCpuControl) = 1;
  rearm_timer();
  asm volatile("msr cntv_ctl_el0, %0; isb" ::"r"(kTimerEnable));
}

void rearm_timer() {
  asm volatile("msr cntv_tval_el0, %0; isb" ::"r"(g_period));
}

std::uint32_t acknowledge_interrupt() {
  return cpu_interface(kAcknowledge);
}

void end_of_interrupt(std::uint32_t acknowledged) {
  cpu_interface(kEndOfInterrupt) = acknowledged;
}
