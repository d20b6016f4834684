// Lab 3. How PageTable takes mappings away and changes them. Compiled by kernel_table.cc; you own this file.
#pragma once

#include <array>

#include "kernel/base/todo.h"
#include "kernel/paging/page_table.h"

template <PagingFormat F, TableMemory<typename F::Entry> M>
bool PageTable<F, M>::is_empty(PhysAddr table, unsigned level) const {
  for (unsigned i = 0; i < kEntriesPerTable<F>; ++i) {
    if (F::decode(level, memory_.read(table, i)).kind != EntryKind::kEmpty) return false;
  }
  return true;
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<StaleTlb> PageTable<F, M>::unmap(VirtAddr va) {
  // @lab 3 begin: unmap
  //: walk() to the leaf. Clear its entry. Then go up: a table that is empty now is cut out of the table above it and
  //: given back, and so on, but never the root. The translations of a table that is cut out must not be used any more
  //: when its frame is given back: memory_.forget() first.
  if (!can_translate<F>(va)) return std::unexpected(Error::kBadAddress);
  Slot here = walk(va, 0);
  if (here.decoded.kind != EntryKind::kLeaf) return std::unexpected(Error::kNotMapped);
  if (!va.is_aligned(level_size<F>(here.level))) return std::unexpected(Error::kMisaligned);
  memory_.write(here.table, here.index, 0);
  while (here.table != root_ && is_empty(here.table, here.level)) {
    const Frame emptied = Frame::containing(here.table);
    here = walk(va, here.level + 1);
    memory_.write(here.table, here.index, 0);
    memory_.forget(va);
    const OwnedFrame freed = OwnedFrame::adopt(emptied);
  }
  return StaleTlb(va);
  // @lab 3 end
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<StaleTlb> PageTable<F, M>::protect(VirtAddr va, PageFlags flags) {
  // @lab 3 begin: protect
  //: walk() to the leaf and write it again: the same frame, the new flags.
  if (!can_translate<F>(va)) return std::unexpected(Error::kBadAddress);
  const Slot here = walk(va, 0);
  if (here.decoded.kind != EntryKind::kLeaf) return std::unexpected(Error::kNotMapped);
  if (!va.is_aligned(level_size<F>(here.level))) return std::unexpected(Error::kMisaligned);
  memory_.write(here.table, here.index, F::leaf(here.level, here.decoded.address, flags));
  return StaleTlb(va);
  // @lab 3 end
}
