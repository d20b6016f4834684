// How PageTable looks for what is mapped in a range.
#pragma once

#include "kernel/paging/page_table.h"

// The lowest address from `va` on that the format translates. Between the halves none does: there the indices are those
// of other addresses.
template <PagingFormat F>
constexpr std::optional<VirtAddr> next_translated(VirtAddr va) {
  constexpr unsigned kBits = level_shift<F>(F::kLevels) - (F::kUpperBits == UpperBits::kSignExtended ? 1 : 0);
  if (can_translate<F>(va)) return va;
  if (F::kUpperBits == UpperBits::kZero) return std::nullopt;
  return VirtAddr{0 - (std::uint64_t{1} << kBits)};
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
auto PageTable<F, M>::find(VirtAddr start, VirtAddr end) const -> std::optional<Leaf> {
  for (auto at = next_translated<F>(start); at && *at < end;) {
    const Slot here = walk(*at, 0);
    const std::uint64_t size = level_size<F>(here.level);
    const VirtAddr begin{round_down(at->raw(), size)};
    if (here.decoded.kind == EntryKind::kLeaf) return Leaf{begin, {here.decoded.address, size, here.decoded.flags}};
    if (begin + size < begin) break;        // the address space is over there
    at = next_translated<F>(begin + size);  // an empty entry of a high level is much that need not be looked at
  }
  return std::nullopt;
}
