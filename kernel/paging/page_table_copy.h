// How PageTable maps copies of what another table maps.
#pragma once

#include <algorithm>

#include "kernel/base/check.h"
#include "kernel/paging/page_copier.h"
#include "kernel/paging/page_table.h"

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<void> PageTable<F, M>::map_copies(const PageTable& other, VirtAddr start, VirtAddr end, PageCopier copier) {
  if (start >= end) return {};
  return copy_entries({root_, other.root_, F::kLevels - 1}, start, end - 1, copier);
}

// Both tables of the pair cover the addresses from `first` to `last`. Goes down the two trees side by side, so a page
// costs no walk from the root.
template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<void> PageTable<F, M>::copy_entries(TablePair pair, VirtAddr first, VirtAddr last, PageCopier copier) {
  if (pair.level == 0) return copy_pages(pair, table_index<F>(first, 0), table_index<F>(last, 0), copier);
  const std::uint64_t size = level_size<F>(pair.level);
  for (unsigned index = table_index<F>(first, pair.level);; ++index) {
    const VirtAddr entry_last = std::min(last, VirtAddr{first.raw() | (size - 1)});
    const Decoded theirs = F::decode(pair.level, memory_.read(pair.from, index));
    if (theirs.kind == EntryKind::kTable) {
      const PhysAddr below = TRY(table_below(pair, index));
      TRY(copy_entries({below, theirs.address, pair.level - 1}, first, entry_last, copier));
    }
    CHECK(theirs.kind != EntryKind::kLeaf, first.raw(), pair.level);  // a block is not copied page by page
    if (entry_last == last) return {};
    first = entry_last + 1;
  }
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<void> PageTable<F, M>::copy_pages(TablePair pair, unsigned first, unsigned last, PageCopier copier) {
  for (unsigned index = first; index <= last; ++index) {
    const Decoded theirs = F::decode(0, memory_.read(pair.from, index));
    if (theirs.kind != EntryKind::kLeaf) continue;
    OwnedFrame copy = TRY(copier(theirs));
    memory_.write(pair.to, index, F::leaf(0, copy.release().start(), theirs.flags));
  }
  return {};
}

// The table that entry `index` of our table leads to, made if it leads nowhere.
template <PagingFormat F, TableMemory<typename F::Entry> M>
Result<PhysAddr> PageTable<F, M>::table_below(TablePair pair, unsigned index) {
  const Decoded ours = F::decode(pair.level, memory_.read(pair.to, index));
  if (ours.kind == EntryKind::kTable) return ours.address;
  CHECK(ours.kind == EntryKind::kEmpty, pair.level, index);
  OwnedFrame made = TRY(memory_.allocate());
  memory_.write(pair.to, index, F::table(made.address()));
  return made.release().start();
}
