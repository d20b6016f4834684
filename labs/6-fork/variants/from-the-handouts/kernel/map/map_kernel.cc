// Lab 1. The kernel's own map, for all ISAs: lab 2 uses it again. You own this file.
#include <ranges>

#include "arch/boot.h"

Result<void> map_kernel(KernelTable& table, std::uint64_t offset) {
  // From the devices down to the text: the regions are disjoint, so their order is free.
  const auto regions = kernel_regions();
  for (const Region& region : std::views::reverse(regions)) {
    TRY(table.map_range(region.address(offset), region.start, region.size, region.flags));
  }
  return {};
}
