// Commands about fork: forks.
#include "kernel/monitor/monitor.h"
#include "kernel/process/fork_trace.h"

namespace {

void tell_forks(const Arguments& arguments) {
  const auto count = arguments.number(1);
  if (!count || *count > ~0u) return report_misuse("forks", "bad-number");
  trace_forks(static_cast<unsigned>(*count));
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"forks", "N", "prints the next N forks: areas, and pages copied", 1, tell_forks},
};

}  // namespace
