// map(), map_range() and lookup() for all formats. A program of host tests that needs them has this file, or one that
// includes it: an edit of page_table_map.h compiles nothing else again.
#include "kernel/paging/page_table_map.h"
#include "kernel/tests/engine.h"

Result<void> Table::map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level) {
  return with_engine(*this, [&](auto engine) { return engine.map(va, pa, flags, level); });
}

Result<void> Table::map_range(VirtAddr va, PhysAddr pa, std::uint64_t size, PageFlags flags) {
  return with_engine(*this, [&](auto engine) { return engine.map_range(va, pa, size, flags); });
}

std::optional<Translation> Table::lookup(VirtAddr va) const {
  const std::optional<Mapping> mapping = with_engine(*this, [&](auto engine) { return engine.lookup(va); });
  if (!mapping) return std::nullopt;
  return translation_of(*mapping);
}

std::vector<std::optional<Translation>> Table::lookup_all(const std::vector<VirtAddr>& places) const {
  std::vector<std::optional<Translation>> found;
  for (const VirtAddr va : places) found.push_back(lookup(va));
  return found;
}
