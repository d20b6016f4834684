// Lab 1. How PageTable maps and looks up. Compiled by kernel_table.cc; you own this file.
#pragma once

#include <algorithm>
#include <array>

#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/paging/page_table.h"

namespace mapping {

// The entry for a slot of `level` that leads to `leaf`, an entry of level `target`, with all tables in between: they
// are complete, and belong to the entry, when it is returned. On failure all of them are free again.
template <PagingFormat F, typename M>
Result<typename F::Entry> path_to(typename F::Entry leaf, VirtAddr va, unsigned level, unsigned target,
                                  const M& memory) {
  if (level == target) return leaf;
  OwnedFrame table = TRY(memory.allocate());
  const auto below = TRY((path_to<F, M>(leaf, va, level - 1, target, memory)));
  memory.write(table.address(), table_index<F>(va, level - 1), below);
  return F::table(table.release().start());
}

// The highest level, from `level` downwards, one leaf of which fits.
template <PagingFormat F>
constexpr unsigned level_that_fits(VirtAddr va, PhysAddr pa, std::uint64_t left, unsigned level = F::kLargestLeaf) {
  const std::uint64_t size = level_size<F>(level);
  const bool fits = va.is_aligned(size) && pa.is_aligned(size) && size <= left;
  return level == 0 || fits ? level : level_that_fits<F>(va, pa, left, level - 1);
}

}  // namespace mapping

template <PagingFormat F, TableMemory<typename F::Entry> M>
auto PageTable<F, M>::walk(VirtAddr va, unsigned level) const -> Slot {
  Slot here = slot(root_, F::kLevels - 1, va);
  while (here.level > level && here.decoded.kind == EntryKind::kTable) {
    here = slot(here.decoded.address, here.level - 1, va);
  }
  return here;
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<void> PageTable<F, M>::map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level) {
  CHECK(level <= F::kLargestLeaf, level);
  const std::uint64_t size = level_size<F>(level);
  if (!can_translate<F>(va)) return std::unexpected(Error::kBadAddress);
  if (!va.is_aligned(size) || !pa.is_aligned(size)) return std::unexpected(Error::kMisaligned);

  const Entry leaf = F::leaf(level, pa, flags);
  if (F::decode(level, leaf) != Decoded{EntryKind::kLeaf, pa, F::honoured(flags)}) {
    return std::unexpected(Error::kBadAddress);
  }
  const Slot end = walk(va, level);
  if (end.decoded.kind != EntryKind::kEmpty) return std::unexpected(Error::kAlreadyMapped);

  const Entry entry = TRY((mapping::path_to<F, M>(leaf, va, end.level, level, memory_)));
  memory_.write(end.table, end.index, entry);
  return {};
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<void> PageTable<F, M>::map_range(VirtAddr va, PhysAddr pa, std::uint64_t size, PageFlags flags) {
  if (!is_aligned(va.raw() | pa.raw() | size, kPageSize)) return std::unexpected(Error::kMisaligned);
  if (size != 0 && va + (size - 1) < va) return std::unexpected(Error::kBadAddress);

  for (std::uint64_t done = 0; done < size;) {
    const unsigned level = mapping::level_that_fits<F>(va + done, pa + done, size - done);
    TRY(map(va + done, pa + done, flags, level));
    done += level_size<F>(level);
  }
  return {};
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
std::optional<Mapping> PageTable<F, M>::lookup(VirtAddr va) const {
  if (!can_translate<F>(va)) return std::nullopt;
  const Slot end = walk(va, 0);
  if (end.decoded.kind != EntryKind::kLeaf) return std::nullopt;
  const std::uint64_t size = level_size<F>(end.level);
  return Mapping{end.decoded.address + va.raw() % size, size, end.decoded.flags};
}
