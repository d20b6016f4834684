// What becomes of a process that was interrupted, or that did what it may not.
#include "kernel/proc/user_trap.h"

#include "kernel/base/clock.h"
#include "kernel/base/print.h"
#include "kernel/proc/scheduler.h"
#include "kernel/proc/trace.h"

namespace {

[[noreturn]] void kill(Signal signal, VirtAddr pc) {
  Line() << current().name_text() << " (process " << current().pid << ") is killed.";
  Fact("killed")
      .field("pid", current().pid)
      .field("program", current().name_text())
      .field("signal", static_cast<unsigned>(signal))
      .field("pc", pc);
  end_current(killed_status(signal));
}

// A fault that no access of the user's can raise while the tables are as the kernel must make them.
bool is_kernels_doing(FaultCause cause) {
  return cause == FaultCause::kReservedBit || cause == FaultCause::kAddressSize || cause == FaultCause::kAccessFlag ||
         cause == FaultCause::kBus;
}

}  // namespace

void handle_user_tick() {
  trace_tick();
  wake_sleepers();
  yield();
}

void handle_user_fault(const Fault& fault) {
  if (is_kernels_doing(fault.cause)) fatal_fault(fault);
  print_fault(fault, Outcome::kGoesOn);
  kill(fault.cause == FaultCause::kAlignment ? Signal::kBus : Signal::kSegmentation, fault.pc);
}

void handle_user_exception(std::string_view what, Signal signal, std::uint64_t code, VirtAddr pc) {
  Fact("user-exception").field("name", what).field("code", Hex{code}).field("pc", pc);
  kill(signal, pc);
}
