// Who runs next: round robin. A process keeps the CPU until its time is up at a tick, or until it waits for something.
// The kernel itself is never interrupted: a switch happens only where a function here is called. A process may be ended
// while it is switched away, and its kernel stack is then dropped as it is: so no object that must be destroyed (a
// frame that is owned, a window, a lock) may live across such a call.
#pragma once

#include <cstdint>

#include "kernel/process/process.h"

// The process that the CPU works for.
Process& current();

// Puts a process at the end of the queue of those that want the CPU.
void make_ready(Process& process);

// Takes it out again.
void remove_ready(Process& process);

// Lets the others that are ready run first.
void yield();

// The current process sleeps until tick number `tick`.
void sleep_until(std::uint64_t tick);

// The current process sleeps until wake_waiting() is called for it. Process 0, which idles for all, may be back
// earlier: whoever calls this looks whether what it waited for has come, and if not waits again.
void wait_for_child();

// Wakes a process that waits for a child; leaves any other as it is.
void wake_waiting(Process& process);

// Wakes those whose tick has come.
void wake_sleepers();

// Leaves the current process, whose state says why, and runs the next one that is ready, or else process 0. If nobody
// else is ready, process 0 lets the CPU sleep until the next interrupt, and may then go on.
void schedule();

// At start-up only: says who runs.
void set_current(Process& process);
