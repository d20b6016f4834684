#include "kernel/base/clock.h"

namespace {
// Written by the interrupt handler alone; volatile, because others wait for it to change.
constinit volatile std::uint64_t g_ticks = 0;
}  // namespace

std::uint64_t ticks() {
  return g_ticks;
}

void timer_tick() {
  g_ticks = g_ticks + 1;
}
