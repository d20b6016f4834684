// Commands about areas of virtual memory: vmas.
#include "kernel/base/print.h"
#include "kernel/calls/describe.h"
#include "kernel/monitor/monitor.h"
#include "kernel/space/memory_map.h"

namespace {

void tell(const AddressSpace& space, const Vma& area) {
  std::array<char, 3> letters{'-', '-', '-'};
  if (area.protection.read) letters[0] = 'r';
  if (area.protection.write) letters[1] = 'w';
  if (area.protection.execute) letters[2] = 'x';
  Fact("area")
      .field("start", area.start)
      .field("end", area.end)
      .field("protection", std::string_view(letters.data(), letters.size()))
      .field("kind", name(area.kind))
      .field("present", count_present(space, area));
}

void list_areas(const Arguments& arguments) {
  const auto pid = arguments.number(1);
  if (!pid) return report_misuse("vmas", "bad-number");
  const Process* process = *pid == 0 || *pid > kLargestPid ? nullptr : find_process(static_cast<unsigned>(*pid));
  if (process == nullptr || !process->space) return report_misuse("vmas", "no-such-process");
  const AddressSpace& space = *process->space;
  Fact("areas")
      .field("pid", *pid)
      .field("map", space.map_address())
      .field("heap_start", space.memory().heap_start)
      .field("heap_end", space.memory().heap_end)
      .field("count", space.memory().areas.all().size());
  for (const Vma& area : space.memory().areas.all()) tell(space, area);
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"vmas", "PID", "lists what a process has been promised, and how many pages are there", 1, list_areas},
};

}  // namespace
