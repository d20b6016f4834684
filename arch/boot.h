// The steps of start-up that labs 1 to 3 bring, in the order in which they run. Until its lab a step is an empty
// function, in a file that is lent. map_kernel.cc, leave_low_half.cc and start.cc are the same for all ISAs, the other
// files are in arch/<isa>/.
#pragma once

#include <cstdint>

#include "kernel/base/result.h"
#include "kernel/map/kernel_regions.h"

// Lab 1, map_kernel.cc: maps every kernel region at its address() with `offset`, with its own permissions.
[[nodiscard]] Result<void> map_kernel(KernelTable& table, std::uint64_t offset);

// Lab 1, boot_map.cc: makes a root that maps the kernel where it was loaded (va = pa), loads it and turns on
// translation with everything that the permissions need.
void turn_on_paging();

// Lab 2, boot_high.cc: maps the kernel a second time, at its high addresses.
void map_high_half();

// Lab 2, boot_high.S: goes on at the high addresses. Called from low code, it returns to the high alias of
// its caller, on the high alias of the stack.
extern "C" void move_to_high_half();

// Lab 2, leave_low_half.cc: cuts every tie to the low addresses, then takes the identity map away.
void leave_low_half();

// From lab 3 on, start.cc: prepares the kernel half, user mode and process 0, which is the caller.
void start_processes();
