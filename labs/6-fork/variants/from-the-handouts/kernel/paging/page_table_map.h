// Lab 1. How PageTable maps and looks up. Compiled by kernel_table.cc; you own this file.
#pragma once

#include <algorithm>
#include <array>

#include "kernel/base/check.h"
#include "kernel/paging/page_table.h"

template <PagingFormat F, TableMemory<typename F::Entry> M>
auto PageTable<F, M>::walk(VirtAddr va, unsigned level) const -> Slot {
  const auto descend = [&](const auto& self, const Slot& here) -> Slot {
    if (here.level <= level || here.decoded.kind != EntryKind::kTable) return here;
    return self(self, slot(here.decoded.address, here.level - 1, va));
  };
  return descend(descend, slot(root_, F::kLevels - 1, va));
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<void> PageTable<F, M>::map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level) {
  CHECK(level <= F::kLargestLeaf, level);
  const std::uint64_t size = level_size<F>(level);
  if (!va.is_aligned(size) || !pa.is_aligned(size)) return std::unexpected(Error::kMisaligned);
  if (!can_translate<F>(va)) return std::unexpected(Error::kBadAddress);

  const Slot end = walk(va, level);
  if (end.decoded.kind != EntryKind::kEmpty) return std::unexpected(Error::kAlreadyMapped);

  const Entry leaf = F::leaf(level, pa, flags);
  const Decoded held = F::decode(level, leaf);
  if (held.kind != EntryKind::kLeaf || held.address != pa) return std::unexpected(Error::kBadAddress);

  // The entry that leads from a table of level `above` to the page: the leaf itself, or a new table that is complete
  // when it is returned. A table owns itself until what it needs below it exists.
  const auto entry_for = [&](const auto& self, unsigned above) -> Result<Entry> {
    if (above == level) return leaf;
    OwnedFrame table = TRY(memory_.allocate());
    const Entry below = TRY(self(self, above - 1));
    memory_.write(table.address(), table_index<F>(va, above - 1), below);
    return F::table(table.release().start());
  };
  memory_.write(end.table, end.index, TRY(entry_for(entry_for, end.level)));
  return {};
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<void> PageTable<F, M>::map_range(VirtAddr va, PhysAddr pa, std::uint64_t size, PageFlags flags) {
  if (((va.raw() | pa.raw() | size) % kPageSize) != 0) return std::unexpected(Error::kMisaligned);
  if (size == 0) return {};
  if (va + (size - 1) < va) return std::unexpected(Error::kBadAddress);

  // A head of smaller leaves up to where a leaf of `level` can begin, as many of those as fit, and a tail of smaller
  // ones again; all of it smaller ones if the two addresses never are multiples of the level's size together.
  const std::uint64_t apart = va.raw() - pa.raw();
  const auto cover = [&](const auto& self, unsigned level, std::uint64_t from, std::uint64_t to) -> Result<void> {
    const std::uint64_t leaf = level_size<F>(level);
    if (level > 0 && !is_aligned(apart, leaf)) return self(self, level - 1, from, to);
    const std::uint64_t head = std::min(to - from, (leaf - (va + from).raw() % leaf) % leaf);
    if (head > 0) TRY(self(self, level - 1, from, from + head));
    for (from += head; to - from >= leaf; from += leaf) TRY(map(va + from, pa + from, flags, level));
    return from == to ? Result<void>{} : self(self, level - 1, from, to);
  };
  return cover(cover, F::kLargestLeaf, 0, size);
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
std::optional<Mapping> PageTable<F, M>::lookup(VirtAddr va) const {
  if (!can_translate<F>(va)) return std::nullopt;
  const Slot end = walk(va, 0);
  if (end.decoded.kind != EntryKind::kLeaf) return std::nullopt;
  const std::uint64_t size = level_size<F>(end.level);
  return Mapping{PhysAddr{end.decoded.address.raw() | (va.raw() & (size - 1))}, size, end.decoded.flags};
}
