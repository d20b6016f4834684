// Where each exception goes.
#include "arch/aarch64/traps.h"

#include "arch/aarch64/decode_trap.h"
#include "arch/arch.h"
#include "kernel/base/clock.h"
#include "kernel/base/probe.h"
#include "kernel/base/trap.h"

extern "C" const char trap_vectors[];  // trap_entry.S

namespace {

void handle_synchronous(TrapFrame& frame) {
  constexpr std::uint64_t kInstructionSize = 4;
  const std::uint64_t esr = cpu::read_esr();
  if (exception_class(esr) == kBreakpoint) {
    frame.elr += kInstructionSize;  // elr names the brk itself
    return;
  }
  const auto fault = decode_fault(frame, esr);
  if (!fault) fatal_exception(exception_name(exception_class(esr)), esr, VirtAddr{frame.elr}, mode_of(frame));
  const auto after_probe = recover_probe(*fault);
  if (!after_probe) fatal_fault(*fault);
  frame.elr = after_probe->raw();
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
  if (mode_of(frame) == Mode::kUser) return handle_user_trap(frame);
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
  cpu::write_vbar(reinterpret_cast<std::uint64_t>(trap_vectors));
  asm volatile("msr daifclr, #4" ::: "memory");  // from here on a system error is reported
}
