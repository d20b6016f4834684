// What the kernel's own map consists of: each part of the image, the window and the devices, with its permissions.
// Lab 1 maps them where they are, lab 2 at their high addresses: the same list with another offset.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "arch/arch.h"
#include "kernel/base/addr.h"
#include "kernel/base/layout.h"
#include "kernel/paging/page_table.h"

using KernelTable = PageTable<Arch::Paging>;
extern template class PageTable<Arch::Paging>;  // its functions are compiled in kernel_table*.cc

struct Region {
  std::string_view name;
  PhysAddr start;
  std::uint64_t size;
  PageFlags flags;

  // Where it is mapped: at its physical address + `offset`, which is 0 or kKernelOffset. In the higher half devices
  // have an offset of their own.
  VirtAddr address(std::uint64_t offset) const {
    const bool has_own = offset != 0 && flags.memory == MemoryType::kDevice;
    return VirtAddr{start.raw() + (has_own ? layout::kDeviceOffset : offset)};
  }
};

inline constexpr unsigned kRegionCount = 7 + layout::kDevices.size();

// All regions. They are disjoint, multiples of the page size, and none is both writable and executable.
// Page 0 and the guards below the stacks belong to none.
std::array<Region, kRegionCount> kernel_regions();
