// Everything that comes out of user mode: system calls, the timer, and what the process did wrong.
#include "arch/arch.h"
#include "arch/x86_64/decode_trap.h"
#include "arch/x86_64/descriptor_tables.h"
#include "arch/x86_64/traps.h"
#include "kernel/base/check.h"
#include "kernel/base/clock.h"
#include "kernel/process/user_trap.h"

namespace {

constexpr std::uint64_t kPrivilegeOfIo = 3 << 12;  // RFLAGS.IOPL

// The signal that Linux sends for an exception (Intel SDM vol. 3, table 6-1).
Signal signal_for(std::uint64_t vector) {
  switch (vector) {
    case 0:
    case 16:
    case 19: return Signal::kArithmetic;
    case 1:
    case kBreakpointVector: return Signal::kTrap;
    case 6:
    case 7: return Signal::kIllegalInstruction;
    case 11:
    case 12:
    case 17: return Signal::kBus;
    default: return Signal::kSegmentation;
  }
}

// Not so: a non-maskable interrupt, a double fault, a machine check, and interrupts of devices that nobody turned on.
bool is_users_doing(std::uint64_t vector) {
  return vector < kFirstInterruptVector && vector != kNmiVector && vector != kDoubleFaultVector &&
         vector != kMachineCheckVector;
}

// Handles all but system calls, apart from them: what it keeps in registers, they need not save.
[[gnu::noinline]] void handle_interruption(TrapFrame& frame) {
  switch (frame.vector) {
    case kTimerVector:
      end_of_interrupt();
      timer_tick();
      return handle_user_tick();
    case kSpuriousVector: return;  // needs no end of interrupt (10.9)
    case kPageFaultVector: return handle_user_fault(decode_page_fault(frame));
    default: break;
  }
  if (!is_users_doing(frame.vector)) {
    fatal_exception(exception_name(frame.vector), frame.error, VirtAddr{frame.rip}, Mode::kUser);
  }
  handle_user_exception(exception_name(frame.vector), signal_for(frame.vector), frame.error, VirtAddr{frame.rip});
}

}  // namespace

void handle_user_trap(TrapFrame& frame) {
  if (frame.vector == kSystemCallVector) {
    frame.rax = handle_system_call(frame.rax, arguments_in(frame));
  } else {
    handle_interruption(frame);
  }
  // Nothing but user mode, with interrupts on, is gone back to.
  CHECK(frame.cs == kUserCodeSelector && (frame.ss & 3) == 3, frame.cs, frame.ss);
  CHECK((frame.rflags & (cpu::kFlagInterrupts | kPrivilegeOfIo)) == cpu::kFlagInterrupts, frame.rflags);
}
