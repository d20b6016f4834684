#include "kernel/process/fork_trace.h"

#include "kernel/base/print.h"
#include "kernel/space/memory_map.h"

namespace {
constinit unsigned g_forks_to_tell = 0;
}

void trace_forks(unsigned count) {
  g_forks_to_tell = count;
}

void trace_fork(const Process& child, std::uint64_t pages) {
  if (g_forks_to_tell == 0) return;
  --g_forks_to_tell;
  Fact("fork")
      .field("parent", child.parent->pid)
      .field("child", child.pid)
      .field("areas", child.space->memory().areas.all().size())
      .field("pages", pages);
}
