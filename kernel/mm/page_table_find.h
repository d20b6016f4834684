// How PageTable looks for what is mapped in a range. Included by page_table.h.
#pragma once

#include "kernel/mm/page_table.h"

template <PagingFormat F, TableMemory<typename F::Entry> M>
auto PageTable<F, M>::find(VirtAddr start, VirtAddr end) const -> std::optional<Leaf> {
  while (start < end) {
    const Slot here = walk(start, 0);
    const std::uint64_t size = level_size<F>(here.level);
    const VirtAddr begin{round_down(start.raw(), size)};
    if (here.decoded.kind == EntryKind::kLeaf) return Leaf{begin, {here.decoded.address, size, here.decoded.flags}};
    if (begin + size < begin) break;  // behind it the address space is over
    start = begin + size;             // an empty entry of a high level is much that need not be looked at
  }
  return std::nullopt;
}
