// The steps of start-up that labs 1 and 2 write, in the order in which they run. map_kernel.cc and leave_low_half.cc
// are the same for all ISAs, the other files are in arch/<isa>/.
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
