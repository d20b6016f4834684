// Where each exception goes, and the probes that may fault without harm.
#include "arch/aarch64/traps.h"

#include "arch/aarch64/decode_trap.h"
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

bool handle_interrupt(const TrapFrame& frame) {
  const std::uint32_t acknowledged = acknowledge_interrupt();
  const std::uint32_t number = acknowledged & kInterruptNumber;
  if (number >= kFirstSpecialInterrupt) return false;  // it went away by itself, and needs no end
  if (number != kTimerInterrupt) fatal_exception("unexpected-interrupt", number, VirtAddr{frame.elr}, mode_of(frame));
  rearm_timer();
  end_of_interrupt(acknowledged);
  timer_tick();
  return true;
}

extern "C" void handle_trap(TrapFrame& frame) {
  // @from 3
  if (mode_of(frame) == Mode::kUser) return handle_user_trap(frame);
  // @end
  switch (trap_kind(frame)) {
    case TrapKind::kSynchronous: return handle_synchronous(frame);
    case TrapKind::kInterrupt: handle_interrupt(frame); return;
    case TrapKind::kFastInterrupt: fatal_exception("fast-interrupt", 0, VirtAddr{frame.elr}, mode_of(frame));
    case TrapKind::kSystemError: fatal_exception("system-error", cpu::read_esr(), VirtAddr{frame.elr}, mode_of(frame));
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
