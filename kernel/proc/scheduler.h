// Who runs next: round robin. A process keeps the CPU until its time is up at a tick, or until it waits for something.
// The kernel itself is never interrupted: a switch happens only where a function here is called.
#pragma once

#include <cstdint>

#include "kernel/proc/process.h"

// Puts a process at the end of the queue of those that want the CPU.
void make_ready(Process& process);

// Takes it out again.
void remove_ready(Process& process);

// Lets the others that are ready run first.
void yield();

// The current process sleeps until tick number `tick`.
void sleep_until(std::uint64_t tick);

// The current process sleeps until wake_waiting() is called for it.
void wait_for_child();

// Wakes a process that waits for a child; leaves any other as it is.
void wake_waiting(Process& process);

// Wakes those whose tick has come.
void wake_sleepers();

// Leaves the current process, whose state says why, and runs the next one. If none is ready, process 0 sleeps until an
// interrupt brings one.
void schedule();

// At start-up only: says who runs.
void set_current(Process& process);
