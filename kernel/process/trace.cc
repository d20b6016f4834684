#include "kernel/process/trace.h"

#include "kernel/base/clock.h"
#include "kernel/base/print.h"
#include "kernel/base/trap.h"
#include "kernel/process/scheduler.h"

namespace {
constinit unsigned g_ticks_to_tell = 0;
}

void trace_ticks(unsigned count) {
  g_ticks_to_tell = count;
}

void trace_tick() {
  if (g_ticks_to_tell == 0) return;
  --g_ticks_to_tell;
  Fact("tick").field("n", ticks()).field("mode", name(Mode::kUser)).field("pid", current().pid);
}
