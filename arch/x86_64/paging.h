// x86-64 4-level paging (Intel SDM vol. 3, 4.5, figure 4-11).
//
//   63  62   52 51                      12 11  9  8  7  6 5  4   3   2   1   0
//   | NX | 0    | frame                  | 0    | G PS  D A PCD PWT U   W   P |   PTE; PS only in a PDE or PDPTE leaf
#pragma once

#include "kernel/paging/paging_format.h"

struct X86_64Paging {
  using Entry = std::uint64_t;
  static constexpr unsigned kLevels = 4;  // 3: PML4, 2: PDPT, 1: PD, 0: PT
  static constexpr unsigned kIndexBits = 9;
  static constexpr unsigned kLargestLeaf = 1;  // 2 MiB; not every CPU has 1 GiB pages
  static constexpr UpperBits kUpperBits = UpperBits::kSignExtended;

  static constexpr Entry kPresent = 1 << 0;
  static constexpr Entry kWrite = 1 << 1;
  static constexpr Entry kUser = 1 << 2;
  static constexpr Entry kWriteThrough = 1 << 3;  // PWT and PCD together choose UC, uncacheable (table 11-7)
  static constexpr Entry kCacheDisable = 1 << 4;
  static constexpr Entry kBlock = 1 << 7;  // PS
  static constexpr Entry kGlobal = 1 << 8;
  static constexpr Entry kNoExecute = Entry{1} << 63;  // needs EFER.NXE
  static constexpr Entry kAddress = 0x000f'ffff'ffff'f000;
  static constexpr Entry kDevice = kWriteThrough | kCacheDisable;

  static constexpr PageFlags honoured(PageFlags flags) { return flags; }

  static constexpr Entry leaf(unsigned level, PhysAddr pa, PageFlags flags) {
    return pa.raw() | kPresent | (level > 0 ? kBlock : 0) | (flags.write ? kWrite : 0) | (flags.user ? kUser : 0) |
           (flags.global ? kGlobal : 0) | (flags.execute ? 0 : kNoExecute) |
           (flags.memory == MemoryType::kDevice ? kDevice : 0);
  }

  // Permissions are ANDed along the walk (4.6), so a table permits everything.
  static constexpr Entry table(PhysAddr pa) { return pa.raw() | kPresent | kWrite | kUser; }

  static constexpr Decoded decode(unsigned level, Entry entry) {
    if ((entry & kPresent) == 0) return {};
    const PhysAddr address{entry & kAddress};
    const bool is_leaf = level == 0 || (entry & kBlock) != 0;
    if (!is_leaf) return {EntryKind::kTable, address, {}};
    if (level > 2 || !address.is_aligned(std::uint64_t{1} << (kPageBits + level * kIndexBits))) {
      return {EntryKind::kInvalid, address, {}};
    }
    return {EntryKind::kLeaf,
            address,
            {.write = (entry & kWrite) != 0,
             .execute = (entry & kNoExecute) == 0,
             .user = (entry & kUser) != 0,
             .global = (entry & kGlobal) != 0,
             .memory = (entry & kDevice) != 0 ? MemoryType::kDevice : MemoryType::kNormal}};
  }
};

static_assert(PagingFormat<X86_64Paging> && is_sound<X86_64Paging>());
// Golden values, put together by hand from the figure.
static_assert(X86_64Paging::leaf(0, PhysAddr{0x20'3000}, {.execute = true}) == 0x20'3001);
static_assert(X86_64Paging::leaf(0, PhysAddr{0x20'3000}, {.write = true}) == 0x8000'0000'0020'3003);
static_assert(X86_64Paging::leaf(1, PhysAddr{0x40'0000}, {.write = true, .global = true}) == 0x8000'0000'0040'0183);
static_assert(X86_64Paging::leaf(0, PhysAddr{0xfee0'0000}, {.write = true, .memory = MemoryType::kDevice}) ==
              0x8000'0000'fee0'001b);
static_assert(X86_64Paging::table(PhysAddr{0x1000}) == 0x1007);
