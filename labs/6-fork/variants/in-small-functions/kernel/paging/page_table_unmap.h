// Lab 3. How PageTable takes mappings away and changes them. Compiled by kernel_table.cc; you own this file.
#pragma once

#include <algorithm>
#include <array>
#include <ranges>

#include "kernel/base/todo.h"
#include "kernel/paging/page_table.h"

template <PagingFormat F, TableMemory<typename F::Entry> M>
bool PageTable<F, M>::is_empty(PhysAddr table, unsigned level) const {
  return std::ranges::all_of(std::views::iota(0u, kEntriesPerTable<F>), [&](unsigned index) {
    return F::decode(level, memory_.read(table, index)).kind == EntryKind::kEmpty;
  });
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<StaleTlb> PageTable<F, M>::unmap(VirtAddr va) {
  if (!can_translate<F>(va)) return std::unexpected(Error::kBadAddress);
  const Slot leaf = walk(va, 0);
  if (leaf.decoded.kind != EntryKind::kLeaf) return std::unexpected(Error::kNotMapped);
  if (!va.is_aligned(level_size<F>(leaf.level))) return std::unexpected(Error::kMisaligned);

  const auto must_go = [&](const Slot& slot) {
    return slot.level + 1 < F::kLevels && is_empty(slot.table, slot.level);
  };
  // Cuts out the table of `slot`, then what that empties above it. One forget() serves all; the frames go after it, on
  // the way back.
  const auto cut = [&](const auto& self, const Slot& slot) -> void {
    const Slot link = walk(va, slot.level + 1);
    memory_.write(link.table, link.index, 0);
    const OwnedFrame table = OwnedFrame::adopt(Frame::containing(slot.table));
    if (must_go(link)) return self(self, link);
    memory_.forget(va);
  };

  memory_.write(leaf.table, leaf.index, 0);
  if (must_go(leaf)) cut(cut, leaf);
  return StaleTlb(va);
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<StaleTlb> PageTable<F, M>::protect(VirtAddr va, PageFlags flags) {
  if (!can_translate<F>(va)) return std::unexpected(Error::kBadAddress);
  const Slot leaf = walk(va, 0);
  if (leaf.decoded.kind != EntryKind::kLeaf) return std::unexpected(Error::kNotMapped);
  if (!va.is_aligned(level_size<F>(leaf.level))) return std::unexpected(Error::kMisaligned);

  // Break before make: the flags may name another memory type.
  memory_.write(leaf.table, leaf.index, 0);
  memory_.forget(va);
  memory_.write(leaf.table, leaf.index, F::leaf(leaf.level, leaf.decoded.address, flags));
  return StaleTlb(va);
}
