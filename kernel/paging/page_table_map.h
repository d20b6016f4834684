// Lab 1. How PageTable maps and looks up. Compiled by kernel_table.cc; you own this file.
#pragma once

#include <algorithm>
#include <array>

#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/paging/page_table.h"

template <PagingFormat F, TableMemory<typename F::Entry> M>
auto PageTable<F, M>::walk(VirtAddr va, unsigned level) const -> Slot {
  // @lab 1 begin: walk
  //: Start at the root, whose level is F::kLevels - 1. While you are above `level`, decode the entry of `va`: if it is a
  //: table, go on with that one, one level below. slot() reads and decodes an entry, and says where it is.
  PhysAddr table = root_;
#pragma GCC unroll 4  // a level's shift is then a constant
  for (unsigned above = F::kLevels - 1; above > level; --above) {
    const Decoded entry = F::decode(above, memory_.read(table, table_index<F>(va, above)));
    if (entry.kind != EntryKind::kTable) return slot(table, above, va);
    table = entry.address;
  }
  return slot(table, level, va);
  // @lab 1 end
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<void> PageTable<F, M>::map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level) {
  CHECK(level <= F::kLargestLeaf, level);
  // @lab 1 begin: map
  //: Refuse what page_table.h says is refused. Then walk() down to `level`: if the slot where the walk stops is not
  //: empty, something is mapped here already. If it stops early, tables are missing between it and `level`. Whether an
  //: entry can hold `pa` the format says itself: decode() must give back what leaf() was given.
  //: Allocating can fail, and then nothing may have changed; and the hardware may walk the tables at any moment.
  //: Both hold if you build the missing path from the bottom up, the leaf first, and write the one entry that hangs
  //: it into the tree last. Until then the new tables are OwnedFrames, whose destructors free them; after it, the
  //: entries own them: release() each.
  if (!can_translate<F>(va)) return std::unexpected(Error::kBadAddress);
  if (!va.is_aligned(level_size<F>(level)) || !pa.is_aligned(level_size<F>(level))) {
    return std::unexpected(Error::kMisaligned);
  }
  const Slot top = walk(va, level);
  if (top.decoded.kind != EntryKind::kEmpty) return std::unexpected(Error::kAlreadyMapped);
  Entry entry = F::leaf(level, pa, flags);
  if (F::decode(level, entry).address != pa) return std::unexpected(Error::kBadAddress);

  if (top.level == level) {  // no table is missing
    memory_.write(top.table, top.index, entry);
    return {};
  }
  std::array<std::optional<OwnedFrame>, F::kLevels> path;
  for (unsigned below = level; below < top.level; ++below) {
    path[below] = TRY(memory_.allocate());
    memory_.write(path[below]->address(), table_index<F>(va, below), entry);
    entry = F::table(path[below]->address());
  }
  memory_.write(top.table, top.index, entry);
  for (auto& table : path) {
    if (table) table->release();
  }
  return {};
  // @lab 1 end
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<void> PageTable<F, M>::map_range(VirtAddr va, PhysAddr pa, std::uint64_t size, PageFlags flags) {
  // @lab 1 begin: map_range
  //: While bytes are left: choose the highest level, at most F::kLargestLeaf, whose size divides both addresses and is
  //: no more than what is left; map() one leaf of it; go on after it. Count what is left, and do not compare
  //: addresses: the range may end at the end of the address space, where `va + size` is 0. To go on
  //: past it is kBadAddress.
  if (!is_aligned(size, kPageSize)) return std::unexpected(Error::kMisaligned);
  if (size > 0 && va + (size - 1) < va) return std::unexpected(Error::kBadAddress);
  while (size > 0) {
    unsigned level = F::kLargestLeaf;
    while (level > 0 && (!is_aligned(va.raw() | pa.raw(), level_size<F>(level)) || size < level_size<F>(level))) {
      --level;
    }
    TRY(map(va, pa, flags, level));
    va = va + level_size<F>(level);
    pa = pa + level_size<F>(level);
    size -= level_size<F>(level);
  }
  return {};
  // @lab 1 end
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
std::optional<Mapping> PageTable<F, M>::lookup(VirtAddr va) const {
  // @lab 1 begin: lookup
  //: walk() as far down as it goes. If it stops at a leaf, the address asked for is the leaf's address plus the offset
  //: of `va` in a page or block of that level. An address that the format cannot translate has no mapping.
  if (!can_translate<F>(va)) return std::nullopt;
  const Slot end = walk(va, 0);
  if (end.decoded.kind != EntryKind::kLeaf) return std::nullopt;
  const std::uint64_t size = level_size<F>(end.level);
  return Mapping{end.decoded.address + va.raw() % size, size, end.decoded.flags};
  // @lab 1 end
}
