// Everything that comes out of user mode: system calls, the timer, and what the process did wrong.
#include "arch/aarch64/decode_trap.h"
#include "arch/aarch64/traps.h"
#include "arch/arch.h"
#include "kernel/base/check.h"
#include "kernel/process/user_trap.h"

namespace {

// What of SPSR_EL1 (Arm ARM C5.2.18) is never set in user mode: M[4:0], any level but EL0 and AArch32; D, A, I and F,
// what is masked; IL and SS, an illegal state and a single step. Of the other bits the program owns some (N, Z, C, V,
// and with extensions SSBS, DIT, TCO), and the CPU needs some for itself (BTYPE).
constexpr std::uint64_t kNeverForUser = 0x1f | 0xf << 6 | 1 << 20 | 1 << 21;

// The signal that Linux sends for an exception.
Signal signal_for(unsigned exception_class) {
  switch (exception_class) {
    case 0x26: return Signal::kBus;
    case 0x30:
    case 0x32:
    case kBreakpoint: return Signal::kTrap;
    default: return Signal::kIllegalInstruction;
  }
}

void handle_synchronous(TrapFrame& frame, std::uint64_t esr) {
  if (const auto fault = decode_fault(frame, esr)) return handle_user_fault(*fault);
  const unsigned found = exception_class(esr);
  handle_user_exception(exception_name(found), signal_for(found), esr, VirtAddr{frame.elr});
}

// Handles all but system calls, apart from them: what it keeps in registers, they need not save.
[[gnu::noinline]] void handle_interruption(TrapFrame& frame) {
  switch (trap_kind(frame)) {
    case TrapKind::kSynchronous: return handle_synchronous(frame, cpu::read_esr());
    case TrapKind::kInterrupt:
      if (handle_interrupt(frame)) handle_user_tick();
      return;
    case TrapKind::kFastInterrupt: fatal_exception("fast-interrupt", 0, VirtAddr{frame.elr}, Mode::kUser);
    case TrapKind::kSystemError: fatal_exception("system-error", cpu::read_esr(), VirtAddr{frame.elr}, Mode::kUser);
  }
}

}  // namespace

void handle_user_trap(TrapFrame& frame) {
  if (trap_kind(frame) == TrapKind::kSynchronous && exception_class(cpu::read_esr()) == kSystemCall) {
    frame.x[0] = handle_system_call(frame.x[8], arguments_in(frame));
  } else {
    handle_interruption(frame);
  }
  // Nothing but EL0, with interrupts on and no single step, is gone back to.
  CHECK((frame.spsr & kNeverForUser) == 0, frame.spsr);
}
