// What becomes of a process that was interrupted, or that did what it may not.
#include "kernel/process/user_trap.h"

#include "kernel/base/clock.h"
#include "kernel/base/print.h"
#include "kernel/process/end.h"
#include "kernel/process/keyboard.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/trace.h"
#include "kernel/space/fault.h"

namespace {

[[noreturn]] void kill(Signal signal, VirtAddr pc, std::string_view why) {
  Line() << current().name_text() << " (process " << current().pid << ") is killed: " << why << ".";
  Fact("killed")
      .field("pid", current().pid)
      .field("program", current().name_text())
      .field("signal", static_cast<unsigned>(signal))
      .field("pc", pc)
      .field("why", why);
  end_current(killed_status(signal));
}

// A fault that no access of the user's can raise while the tables are as the kernel must make them.
bool is_kernels_doing(FaultCause cause) {
  return cause == FaultCause::kReservedBit || cause == FaultCause::kAddressSize || cause == FaultCause::kAccessFlag ||
         cause == FaultCause::kBus;
}

// @from 5
// Brings the page if it has been promised. Without memory for it, the process cannot go on; nor if the page is there
// and permits the access, and the CPU refuses it all the same.
void resolve_or_kill(const Fault& fault) {
  const auto resolved = resolve_fault(*current().space, fault.address, fault.access);
  if (resolved) return;
  print_fault(fault, Outcome::kGoesOn);
  const bool is_for_want = resolved.error() == Error::kNoMemory || resolved.error() == Error::kNoSlot;
  kill(is_for_want ? Signal::kKill : Signal::kSegmentation, fault.pc, name(resolved.error()));
}
// @end

}  // namespace

void handle_user_tick() {
  trace_tick();
  obey_keyboard();
  wake_sleepers();
  yield();
}

void handle_user_fault(const Fault& fault) {
  if (is_kernels_doing(fault.cause)) fatal_fault(fault);
  // @from 5
  if (fault.cause != FaultCause::kAlignment) return resolve_or_kill(fault);
  // @end
  print_fault(fault, Outcome::kGoesOn);
  kill(fault.cause == FaultCause::kAlignment ? Signal::kBus : Signal::kSegmentation, fault.pc, name(fault.cause));
}

void handle_user_exception(std::string_view what, Signal signal, std::uint64_t code, VirtAddr pc) {
  Fact("user-exception").field("name", what).field("code", Hex{code}).field("pc", pc);
  kill(signal, pc, what);
}
