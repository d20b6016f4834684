// Facts about forks, for those who want to count.
#pragma once

#include "kernel/process/process.h"

// Prints the next `count` forks: how many areas the child has, and how many pages were copied.
void trace_forks(unsigned count);

// `child` has been made, and `pages` were copied.
void trace_fork(const Process& child, std::uint64_t pages);
