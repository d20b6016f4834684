// What each exception means, and where it goes.
#include "arch/aarch64/traps.h"

#include "arch/aarch64/trap_frame.h"
#include "arch/arch.h"
#include "kernel/base/clock.h"
#include "kernel/base/trap.h"

extern "C" const char trap_vectors[];  // trap_entry.S

// probe.S: the instructions that may fault, and where they go on if they do.
extern "C" const char probe_read_access[], probe_write_access[], probe_failed[];
extern "C" bool probe_read_at(std::uint64_t va, std::uint32_t* value);
extern "C" bool probe_write_at(std::uint64_t va, std::uint32_t value);
extern "C" void probe_execute_at(std::uint64_t va);

namespace {

// The address that probe_execute() is calling, or nothing.
constinit std::optional<VirtAddr> g_probed_code;

// The 16 vectors: four origins of four kinds each (Arm ARM D1.3.1, table D1-7).
constexpr std::uint64_t kKinds = 4;
constexpr std::uint64_t kSynchronous = 0;
constexpr std::uint64_t kInterrupt = 1;
constexpr std::uint64_t kFastInterrupt = 2;  // stays masked

// Exception classes, ESR_EL1 bits 31:26 (D17.2.37).
constexpr unsigned kFetchAbortFromUser = 0x20;
constexpr unsigned kFetchAbort = 0x21;
constexpr unsigned kPcAlignment = 0x22;
constexpr unsigned kDataAbortFromUser = 0x24;
constexpr unsigned kDataAbort = 0x25;
constexpr unsigned kBreakpoint = 0x3c;
constexpr std::uint64_t kWriteNotRead = 1 << 6;  // of a data abort

unsigned exception_class(std::uint64_t esr) {
  return (esr >> 26) & 0x3f;
}

Mode mode_of(const TrapFrame& frame) {
  return (frame.spsr & 0xf) == 0 ? Mode::kUser : Mode::kKernel;
}

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

// The fault that `esr` tells of, if it is one of the MMU's.
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

std::uint64_t address_of(const char* label) {
  return reinterpret_cast<std::uint64_t>(label);
}

// If the fault is one that a probe waits for: prints it, makes the probe return false, and says true.
bool handle_probe(TrapFrame& frame, const Fault& fault) {
  if (frame.elr == address_of(probe_read_access) || frame.elr == address_of(probe_write_access)) {
    print_fault(fault, Outcome::kGoesOn);
    frame.elr = address_of(probe_failed);
    return true;
  }
  if (g_probed_code == VirtAddr{frame.elr}) {
    print_fault(fault, Outcome::kGoesOn);
    frame.elr = frame.x[30];  // as if the code had returned at once...
    g_probed_code.reset();    // ...but probe_execute() sees that it had not
    return true;
  }
  return false;
}

constexpr std::string_view exception_name(unsigned exception_class) {
  switch (exception_class) {
    case 0x00: return "unknown-or-undefined";
    case 0x07: return "floating-point-trapped";
    case 0x0e: return "illegal-state";
    case 0x15: return "supervisor-call";
    case 0x18: return "system-register";
    case 0x26: return "stack-alignment";
    case 0x2f: return "system-error";
    default: return "unexpected-exception";
  }
}

void handle_interrupt(const TrapFrame& frame) {
  const std::uint32_t acknowledged = acknowledge_interrupt();
  const std::uint32_t number = acknowledged & kInterruptNumber;
  if (number >= kFirstSpecialInterrupt) return;  // it went away by itself, and needs no end
  if (number != kTimerInterrupt) fatal_exception("unexpected-interrupt", number, VirtAddr{frame.elr}, mode_of(frame));
  rearm_timer();
  end_of_interrupt(acknowledged);
  timer_tick();
}

void handle_synchronous(TrapFrame& frame) {
  constexpr std::uint64_t kInstructionSize = 4;
  const std::uint64_t esr = cpu::read_esr();
  if (exception_class(esr) == kBreakpoint) {
    frame.elr += kInstructionSize;  // elr names the brk itself
    return;
  }
  const auto fault = decode_fault(frame, esr);
  if (!fault) fatal_exception(exception_name(exception_class(esr)), esr, VirtAddr{frame.elr}, mode_of(frame));
  if (!handle_probe(frame, *fault)) fatal_fault(*fault);
}

}  // namespace

extern "C" void handle_trap(TrapFrame& frame) {
  switch (frame.kind % kKinds) {
    case kSynchronous: return handle_synchronous(frame);
    case kInterrupt: return handle_interrupt(frame);
    case kFastInterrupt: fatal_exception("fast-interrupt", 0, VirtAddr{frame.elr}, mode_of(frame));
    default: fatal_exception("system-error", cpu::read_esr(), VirtAddr{frame.elr}, mode_of(frame));
  }
}

extern "C" [[noreturn]] void handle_stack_overflow(std::uint64_t sp, std::uint64_t pc) {
  fatal_stack_overflow(VirtAddr{sp}, VirtAddr{pc});
}

void Arch::install_traps() {
  cpu::write_vbar(address_of(trap_vectors));
  asm volatile("msr daifclr, #4" ::: "memory");  // from here on a system error is reported
}

std::optional<std::uint32_t> Arch::probe_read(VirtAddr va) {
  std::uint32_t value = 0;
  return probe_read_at(va.raw(), &value) ? std::optional(value) : std::nullopt;
}

bool Arch::probe_write(VirtAddr va, std::uint32_t value) {
  return probe_write_at(va.raw(), value);
}

bool Arch::probe_execute(VirtAddr va) {
  g_probed_code = va;
  probe_execute_at(va.raw());
  const bool ran = g_probed_code.has_value();
  g_probed_code.reset();
  return ran;
}
