// The end of a process: what it gives back, and who is told.
#pragma once

#include "kernel/process/process.h"
#include "kernel/process/signal.h"

// The status of a process that called exit(`code`), or that `signal` killed (Linux, wait(2)).
constexpr int exit_status(unsigned code) {
  return static_cast<int>((code & 0xff) << 8);
}
constexpr int killed_status(Signal signal) {
  return static_cast<int>(signal);
}

// Ends the current process: gives its memory back, leaves its children to process 0, and wakes its parent.
[[noreturn]] void end_current(int status);

// The same for another process, which must not be a zombie.
void end_other(Process& process, int status);

// Takes note of the end of a child: frees its slot and its stack, and returns its status.
int reap(Process& zombie);
