// Lab 5. find() for all formats, with map() and lookup().
#include "kernel/tests/map_engine.cc"

#include "kernel/paging/page_table_find.h"

auto Table::find(VirtAddr start, VirtAddr end) const -> std::optional<Found> {
  return with_engine(*this, [&](auto engine) -> std::optional<Found> {
    const auto leaf = engine.find(start, end);
    if (!leaf) return std::nullopt;
    return Found{leaf->start, translation_of(leaf->mapping)};
  });
}
