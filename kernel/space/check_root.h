// The last look at a root before it is loaded: what the CPU is going to need at once must be in it.
//
// A root that lacks the stack, the code or the trap vectors stops the machine at the next instruction or the next trap,
// and nothing can be printed any more. Here it still can.
#pragma once

#include "kernel/base/addr.h"

// Stops the kernel and says which page is missing, unless `root` maps, as the kernel's own root does, the code that
// runs, the stack it runs on and the trap vectors, and also the page on which the next trap will push, right below
// `stack_top`.
void check_root(PhysAddr root, VirtAddr stack_top);
