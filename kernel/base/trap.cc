#include "kernel/base/trap.h"

#include "arch/arch.h"
#include "kernel/base/print.h"

namespace {
constinit bool g_reporting = false;
}

void begin_last_report() {
  if (g_reporting) Arch::halt();
  g_reporting = true;
}

void print_fault(const Fault& fault, Outcome outcome) {
  Fact("fault")
      .field("address", fault.address)
      .field("access", name(fault.access))
      .field("cause", name(fault.cause))
      .field("pc", fault.pc)
      .field("mode", name(fault.mode))
      .flag("fatal", outcome == Outcome::kFatal);
}

void fatal_fault(const Fault& fault) {
  begin_last_report();
  print_fault(fault, Outcome::kFatal);
  Line() << "The " << name(fault.mode) << " at " << fault.pc << " may not " << name(fault.access) << " "
         << fault.address << ": " << name(fault.cause) << ".";
  Arch::power_off();
}

void fatal_exception(std::string_view what, std::uint64_t code, VirtAddr pc, Mode mode) {
  begin_last_report();
  Fact("exception").field("name", what).field("code", Hex{code}).field("pc", pc).field("mode", name(mode));
  Line() << "An exception that nobody expected: " << what << " in the " << name(mode) << " at " << pc << ".";
  Arch::power_off();
}

void fatal_stack_overflow(VirtAddr sp, VirtAddr pc) {
  begin_last_report();
  Fact("stack-overflow").field("sp", sp).field("pc", pc);
  Line() << "The kernel stack has run out: sp " << sp << " is not in a stack (pc " << pc << ").";
  Arch::power_off();
}
