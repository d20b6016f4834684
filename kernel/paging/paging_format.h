// What an ISA must say about its page tables so that one engine (page_table.h) works on all of them.
//
// A table is one frame of entries. Level 0 is the table whose entries are pages; the root is at level kLevels - 1.
// Each level takes kIndexBits of the virtual address, the page offset the lowest kPageBits:
//
//   | upper bits | index at kLevels - 1 | ... | index at level 0 | offset |
#pragma once

#include <array>
#include <concepts>
#include <cstdint>

#include "kernel/base/addr.h"
#include "kernel/paging/page_flags.h"

// What one entry says.
enum class EntryKind : std::uint8_t {
  kEmpty,    // not present, whatever the other bits are: free for a mapping
  kTable,    // points to a table one level below
  kLeaf,     // maps a page (level 0) or a block
  kInvalid,  // present, but not a form that the manual permits at this level
};

struct Decoded {
  EntryKind kind = EntryKind::kEmpty;
  PhysAddr address;  // of the table, page or block
  PageFlags flags;   // of a leaf

  constexpr bool operator==(const Decoded&) const = default;
};

// Which virtual addresses a format translates, judged by the bits above those it uses as indices.
enum class UpperBits : std::uint8_t {
  kSignExtended,     // they equal the highest index bit (x86-64, RISC-V)
  kAllZeroOrAllOne,  // all 0: the user root; all 1: the kernel root (Arm)
  kZero,             // there are none (i386)
};

template <typename F>
concept PagingFormat = requires(unsigned level, PhysAddr pa, PageFlags flags, typename F::Entry entry) {
  requires std::unsigned_integral<typename F::Entry>;
  { F::kLevels } -> std::convertible_to<unsigned>;
  { F::kIndexBits } -> std::convertible_to<unsigned>;
  { F::kLargestLeaf } -> std::convertible_to<unsigned>;  // the highest level whose entries may be leaves
  { F::kUpperBits } -> std::convertible_to<UpperBits>;
  // What the hardware will enforce when asked for `flags`: it may permit more reading or executing than asked
  // where the ISA has no bit for it, but never more writing and never the user.
  { F::honoured(flags) } -> std::same_as<PageFlags>;
  // The entry that maps `pa` at `level`, which is at most kLargestLeaf; `pa` is aligned to the size of the level.
  { F::leaf(level, pa, flags) } -> std::same_as<typename F::Entry>;
  // The entry that points to the table at `pa`. It takes no permission away: the leaf alone decides.
  { F::table(pa) } -> std::same_as<typename F::Entry>;
  { F::decode(level, entry) } -> std::same_as<Decoded>;
};

// Number of address bits below the index of `level`: an entry there maps 2^shift bytes.
template <PagingFormat F>
constexpr unsigned level_shift(unsigned level) {
  return kPageBits + level * F::kIndexBits;
}

template <PagingFormat F>
constexpr std::uint64_t level_size(unsigned level) {
  return std::uint64_t{1} << level_shift<F>(level);
}

template <PagingFormat F>
constexpr unsigned kEntriesPerTable = 1u << F::kIndexBits;

template <PagingFormat F>
constexpr unsigned table_index(VirtAddr va, unsigned level) {
  return (va.raw() >> level_shift<F>(level)) % kEntriesPerTable<F>;
}

// Whether the hardware would walk its tables for `va` at all.
template <PagingFormat F>
constexpr bool can_translate(VirtAddr va) {
  constexpr unsigned kBits = level_shift<F>(F::kLevels);
  const auto upper =
      static_cast<std::int64_t>(va.raw()) >> (F::kUpperBits == UpperBits::kSignExtended ? kBits - 1 : kBits);
  return upper == 0 || (upper == -1 && F::kUpperBits != UpperBits::kZero);
}

// All 32 combinations of flags, by number.
constexpr PageFlags flags_from_number(unsigned number) {
  return {.write = (number & 1) != 0,
          .execute = (number & 2) != 0,
          .user = (number & 4) != 0,
          .global = (number & 8) != 0,
          .memory = (number & 16) != 0 ? MemoryType::kDevice : MemoryType::kNormal};
}

// True if decode() takes back exactly what leaf() and table() put in, for every level and every combination of flags,
// and honoured() grants no write and no user access that was not asked for. Each description ends in
// static_assert(is_sound<...>()).
template <PagingFormat F>
constexpr bool is_sound() {
  constexpr PhysAddr kBlock{0x8000'0000};  // aligned for every level of every format, and below 4 GiB
  if (F::decode(0, 0).kind != EntryKind::kEmpty) return false;
  for (unsigned level = 0; level < F::kLevels; ++level) {
    if (F::decode(level, 0).kind != EntryKind::kEmpty) return false;
    const Decoded table = F::decode(level, F::table(kBlock + kPageSize));
    if (level > 0 && (table.kind != EntryKind::kTable || table.address != kBlock + kPageSize)) return false;
    for (unsigned number = 0; number < 32; ++number) {
      const PageFlags asked = flags_from_number(number);
      const PageFlags granted = F::honoured(asked);
      if (granted.write != asked.write || granted.user != asked.user) return false;
      if (asked.execute && !granted.execute) return false;
      if (F::honoured(granted) != granted) return false;
      if (level > F::kLargestLeaf) continue;
      const PhysAddr pa = level == 0 ? kBlock + 0x5000 : kBlock;
      if (F::decode(level, F::leaf(level, pa, asked)) != Decoded{EntryKind::kLeaf, pa, granted}) return false;
    }
  }
  return true;
}
