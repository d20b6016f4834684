// The parts of the kernel half whose pages come and go: kernel stacks, and temporary mappings.
//
//   +-------------------------+ kTempWindow + 64 * 4 KiB
//   | temporary mappings      | one page a slot, one table for all of them
//   +-------------------------+ kTempWindow
//   +-------------------------+ kKernelStacks + 128 * 32 KiB
//   | stack of slot 1         |
//   | guard of slot 1         |
//   | stack of slot 0         |
//   | guard of slot 0         |
//   +-------------------------+ kKernelStacks
//
// Every root shares the kernel half, and a root copies no more than its top-level entries, once. So all tables of these
// parts are made before the first process, and stay: later only leaves change, and every root sees them at once.
#pragma once

#include "kernel/map/kernel_regions.h"

namespace layout {

// The number of processes at one time, each with a kernel stack.
inline constexpr unsigned kMaxProcesses = 128;

// Slot 8 begins at the border: a few stacks lie below the end of a table of level 1, the others above it. Slot 0 would
// be process 0's, which runs on the boot stack.
inline constexpr std::uint64_t kKernelStackSlot = 2 * kKernelStackSize;
inline constexpr VirtAddr kKernelStacks = kKernelStacksBorder - 8 * kKernelStackSlot;

static_assert(kKernelStacks.is_aligned(kKernelStackSlot));

inline constexpr unsigned kTempSlots = 64;

}  // namespace layout

// Makes the tables. Call it once, before the first process; without memory for them there is no kernel.
void prepare_kernel_half();

// The root that maps the kernel and no user page: the master of the kernel half.
PhysAddr kernel_root();

// Maps a page of these parts, or takes it away. The page must be free, or mapped. Allocates nothing: the tables are
// there.
void map_kernel_page(Page page, Frame frame, PageFlags flags);
[[nodiscard]] StaleTlb unmap_kernel_page(Page page);

// The table of pages behind kTempWindow: entry i maps slot i.
extern PhysAddr g_temp_window_table;
inline PhysAddr temp_window_table() {
  return g_temp_window_table;
}
