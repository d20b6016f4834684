// i386 two-level paging with 4 MiB pages (Intel SDM vol. 3, 4.3, figure 4-4).
//
//   31                    12 11  9 8 7  6 5  4   3  2 1 0
//   | frame                 | 0   | G PS D A PCD PWT U W P |   PS only in a PDE
#pragma once

#include "kernel/paging/paging_format.h"

struct I386Paging {
  using Entry = std::uint32_t;
  static constexpr unsigned kLevels = 2;
  static constexpr unsigned kIndexBits = 10;
  static constexpr unsigned kLargestLeaf = 1;  // 4 MiB, with CR4.PSE
  static constexpr UpperBits kUpperBits = UpperBits::kZero;

  static constexpr Entry kPresent = 1 << 0;
  static constexpr Entry kWrite = 1 << 1;
  static constexpr Entry kUser = 1 << 2;
  static constexpr Entry kWriteThrough = 1 << 3;
  static constexpr Entry kCacheDisable = 1 << 4;
  static constexpr Entry kBlock = 1 << 7;
  static constexpr Entry kGlobal = 1 << 8;
  static constexpr Entry kAddress = 0xffff'f000;
  static constexpr Entry kDevice = kWriteThrough | kCacheDisable;

  // There is no bit to forbid execution.
  static constexpr PageFlags honoured(PageFlags flags) {
    flags.execute = true;
    return flags;
  }

  static constexpr Entry leaf(unsigned level, PhysAddr pa, PageFlags flags) {
    return static_cast<Entry>(pa.raw()) | kPresent | (level > 0 ? kBlock : 0) | (flags.write ? kWrite : 0) |
           (flags.user ? kUser : 0) | (flags.global ? kGlobal : 0) |
           (flags.memory == MemoryType::kDevice ? kDevice : 0);
  }

  static constexpr Entry table(PhysAddr pa) { return static_cast<Entry>(pa.raw()) | kPresent | kWrite | kUser; }

  static constexpr Decoded decode(unsigned level, Entry entry) {
    if ((entry & kPresent) == 0) return {};
    const PhysAddr address{entry & kAddress};
    const bool is_leaf = level == 0 || (entry & kBlock) != 0;
    if (!is_leaf) return {EntryKind::kTable, address, {}};
    // Bits 21:13 of a 4 MiB entry are reserved, or hold address bits beyond 4 GiB (PSE-36), which this kernel leaves 0.
    if (!address.is_aligned(std::uint64_t{1} << (kPageBits + level * kIndexBits))) {
      return {EntryKind::kInvalid, address, {}};
    }
    return {EntryKind::kLeaf,
            address,
            {.write = (entry & kWrite) != 0,
             .execute = true,
             .user = (entry & kUser) != 0,
             .global = (entry & kGlobal) != 0,
             .memory = (entry & kDevice) != 0 ? MemoryType::kDevice : MemoryType::kNormal}};
  }
};

static_assert(PagingFormat<I386Paging> && is_sound<I386Paging>());
// Golden values, put together by hand from the figure.
static_assert(I386Paging::leaf(0, PhysAddr{0x20'3000}, {.write = true, .user = true}) == 0x20'3007);
static_assert(I386Paging::leaf(1, PhysAddr{0x40'0000}, {.write = true, .global = true}) == 0x40'0183);
static_assert(I386Paging::table(PhysAddr{0x1000}) == 0x1007);
