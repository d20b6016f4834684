// Lab 3. How PageTable takes mappings away and changes them. Compiled by kernel_table.cc; you own this file.
#pragma once

#include <array>

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
  if (!can_translate<F>(va)) return std::unexpected(Error::kBadAddress);
  const Slot leaf = walk(va, 0);
  if (leaf.decoded.kind != EntryKind::kLeaf) return std::unexpected(Error::kNotMapped);
  if (!va.is_aligned(level_size<F>(leaf.level))) return std::unexpected(Error::kMisaligned);

  const auto holds_nothing_but = [&](const Slot& kept) {
    for (unsigned i = 0; i < kEntriesPerTable<F>; ++i) {
      if (i != kept.index && F::decode(kept.level, memory_.read(kept.table, i)).kind != EntryKind::kEmpty) return false;
    }
    return true;
  };
  // The highest entry on the way that leads to this leaf and to nothing else.
  const auto highest = [&](const auto& self, const Slot& here) -> Slot {
    if (here.level == leaf.level) return here;
    const Slot below = slot(here.decoded.address, here.level - 1, va);
    const Slot found = self(self, below);
    return found.table == below.table && holds_nothing_but(found) ? here : found;
  };
  // One store takes the leaf away and all tables that would be empty without it, the branch as a whole.
  const Slot cut = highest(highest, slot(root_, F::kLevels - 1, va));
  memory_.write(cut.table, cut.index, 0);
  if (cut.level > leaf.level) {
    memory_.forget(va);
    const auto give_back = [&](const auto& self, PhysAddr table, unsigned level) -> void {
      const OwnedFrame owner = OwnedFrame::adopt(Frame::containing(table));
      if (level > leaf.level) self(self, slot(table, level, va).decoded.address, level - 1);
    };
    give_back(give_back, cut.decoded.address, cut.level - 1);
  }
  return StaleTlb{va};
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<StaleTlb> PageTable<F, M>::protect(VirtAddr va, PageFlags flags) {
  if (!can_translate<F>(va)) return std::unexpected(Error::kBadAddress);
  const Slot leaf = walk(va, 0);
  if (leaf.decoded.kind != EntryKind::kLeaf) return std::unexpected(Error::kNotMapped);
  if (!va.is_aligned(level_size<F>(leaf.level))) return std::unexpected(Error::kMisaligned);
  // Break before make.
  memory_.write(leaf.table, leaf.index, 0);
  memory_.forget(va);
  memory_.write(leaf.table, leaf.index, F::leaf(leaf.level, leaf.decoded.address, flags));
  return StaleTlb{va};
}
