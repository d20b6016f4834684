// RISC-V Sv39 (privileged specification, 4.4, figure 4.21).
//
//   63  62  61 60   54 53        10 9  8 7 6 5 4 3 2 1 0
//   | N | PBMT | 0    | frame      | RSW |D A G U X W R V |
#pragma once

#include "kernel/paging/paging_format.h"

struct Sv39Paging {
  using Entry = std::uint64_t;
  static constexpr unsigned kLevels = 3;
  static constexpr unsigned kIndexBits = 9;
  static constexpr unsigned kLargestLeaf = 2;  // 1 GiB
  static constexpr UpperBits kUpperBits = UpperBits::kSignExtended;

  static constexpr Entry kValid = 1 << 0;
  static constexpr Entry kRead = 1 << 1;
  static constexpr Entry kWrite = 1 << 2;
  static constexpr Entry kExecute = 1 << 3;
  static constexpr Entry kUser = 1 << 4;
  static constexpr Entry kGlobal = 1 << 5;
  static constexpr Entry kAccessed = 1 << 6;  // a CPU may fault where A, or D on a write, is clear (4.3.1)
  static constexpr Entry kDirty = 1 << 7;
  static constexpr Entry kReserved = Entry{0x3ff} << 54;
  static constexpr unsigned kFrameShift = 10;

  // The memory type is a property of the physical address (PMA, 3.6), not of the entry.
  static constexpr PageFlags honoured(PageFlags flags) {
    flags.memory = MemoryType::kNormal;
    return flags;
  }

  static constexpr Entry frame(PhysAddr pa) { return (pa.raw() >> kPageBits) << kFrameShift; }

  static constexpr Entry leaf(unsigned, PhysAddr pa, PageFlags flags) {
    return frame(pa) | kValid | kRead | kAccessed | kDirty | (flags.write ? kWrite : 0) |
           (flags.execute ? kExecute : 0) | (flags.user ? kUser : 0) | (flags.global ? kGlobal : 0);
  }

  // Neither read, write nor execute: the entry points to a table.
  static constexpr Entry table(PhysAddr pa) { return frame(pa) | kValid; }

  static constexpr Decoded decode(unsigned level, Entry entry) {
    if ((entry & kValid) == 0) return {};
    const PhysAddr address{((entry & ~kReserved) >> kFrameShift) << kPageBits};
    if ((entry & (kRead | kWrite | kExecute)) == 0) {
      return {level > 0 ? EntryKind::kTable : EntryKind::kInvalid, address, {}};
    }
    if ((entry & kRead) == 0 || (entry & kReserved) != 0 || level > kLargestLeaf ||
        !address.is_aligned(std::uint64_t{1} << (kPageBits + level * kIndexBits))) {
      return {EntryKind::kInvalid, address, {}};
    }
    return {EntryKind::kLeaf,
            address,
            {.write = (entry & kWrite) != 0,
             .execute = (entry & kExecute) != 0,
             .user = (entry & kUser) != 0,
             .global = (entry & kGlobal) != 0}};
  }
};

static_assert(PagingFormat<Sv39Paging> && is_sound<Sv39Paging>());
// Golden values, put together by hand from the figure.
static_assert(Sv39Paging::leaf(0, PhysAddr{0x8020'3000}, {.execute = true}) == 0x2008'0ccb);
static_assert(Sv39Paging::leaf(1, PhysAddr{0x8040'0000}, {.write = true, .global = true}) == 0x2010'00e7);
static_assert(Sv39Paging::table(PhysAddr{0x8000'1000}) == 0x2000'0401);
