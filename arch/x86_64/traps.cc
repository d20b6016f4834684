// Where each exception goes.
#include "arch/x86_64/traps.h"

#include "arch/arch.h"
#include "arch/x86_64/decode_trap.h"
#include "kernel/base/clock.h"
#include "kernel/base/layout.h"
#include "kernel/base/probe.h"
#include "kernel/base/trap.h"

namespace {

// Whether the fault is one that a probe waits for, which then goes on.
bool recovered(TrapFrame& frame, const Fault& fault) {
  const auto next = recover_probe(fault);
  if (next) frame.rip = next->raw();
  return next.has_value();
}

// A probe of a non-canonical address is not a page fault but a general protection fault, which does not say the
// address.
std::optional<Fault> decode_non_canonical(const TrapFrame& frame) {
  const VirtAddr address{frame.rdi}, pc{frame.rip};
  const auto access = probed_access(pc);
  if (!access || can_translate<Arch::Paging>(address)) return std::nullopt;
  return Fault{address, *access, FaultCause::kNonCanonical, pc, mode_of(frame)};
}

// A double fault right below a stack is a page fault whose own frame found no room.
[[noreturn]] void handle_double_fault(const TrapFrame& frame) {
  if (VirtAddr{frame.rsp} - VirtAddr{cpu::read_cr2()} <= kPageSize) {
    fatal_stack_overflow(VirtAddr{frame.rsp}, VirtAddr{frame.rip});
  }
  fatal_exception(exception_name(frame.vector), frame.error, VirtAddr{frame.rip}, mode_of(frame));
}

// Handles what comes from kernel mode, apart from the rest: what it keeps in registers, a system call need not save.
[[gnu::noinline]] void handle_kernel_trap(TrapFrame& frame) {
  switch (frame.vector) {
    case kTimerVector:
      end_of_interrupt();
      timer_tick();
      return;
    case kSpuriousVector:  // needs no end of interrupt (10.9)
    case kBreakpointVector: return;
    case kPageFaultVector: {
      const Fault fault = decode_page_fault(frame);
      if (recovered(frame, fault)) return;
      fatal_fault(fault);
    }
    case kGeneralProtectionVector: {
      const auto fault = decode_non_canonical(frame);
      if (fault && recovered(frame, *fault)) return;
      break;
    }
    case kDoubleFaultVector: handle_double_fault(frame);
    default: break;
  }
  fatal_exception(exception_name(frame.vector), frame.error, VirtAddr{frame.rip}, mode_of(frame));
}

}  // namespace

extern "C" void handle_trap(TrapFrame& frame) {
  if (mode_of(frame) == Mode::kUser) return handle_user_trap(frame);
  handle_kernel_trap(frame);
}
