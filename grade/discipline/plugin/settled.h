// Roots that stay: a kernel without processes loads its last root before its monitor begins. One that loads another
// later could show its tables where it is looked at, and run on others.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// The monitor's first instruction; 0 in kernels with processes, whose roots come and go.
extern uint64_t g_monitor;
// Whether nothing but this is judged, which costs little: no access is followed.
extern bool g_only_roots;

void monitor_begins(void);

// Tells a violation if a root is loaded that was not loaded when the monitor began, or walks are turned off; `root` is
// 0 then.
void judge_root(unsigned which, uint64_t root);
