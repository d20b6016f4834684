// AArch64 stage 1 translation, 4 KiB granule, 48-bit addresses (Arm ARM D8.3, VMSAv8-64 descriptor formats).
//
//   63  55 54  53  52 51 50 49 48 47            12 11 10 9  8 7   6  5  4    2 1   0
//   |  0  |UXN PXN| 0         | 0  | frame        |nG AF| SH |RO  EL0|NS|attr |T   V |   block (T=0) and page (T=1)
#pragma once

#include "kernel/paging/paging_format.h"

struct Aarch64Paging {
  using Entry = std::uint64_t;
  static constexpr unsigned kLevels = 4;  // our level 3 is Arm's level 0, our level 0 Arm's level 3
  static constexpr unsigned kIndexBits = 9;
  static constexpr unsigned kLargestLeaf = 2;  // 1 GiB
  static constexpr UpperBits kUpperBits = UpperBits::kAllZeroOrAllOne;

  static constexpr Entry kValid = 1 << 0;
  static constexpr Entry kTableOrPage = 1 << 1;  // T: at level 0 it must be set, above it tells table from block
  static constexpr Entry kUser = 1 << 6;         // AP[1]
  static constexpr Entry kReadOnly = 1 << 7;     // AP[2]
  static constexpr Entry kInnerShareable = 3 << 8;
  static constexpr Entry kAccessed = 1 << 10;
  static constexpr Entry kNotGlobal = 1 << 11;
  static constexpr Entry kPrivilegedExecuteNever = Entry{1} << 53;
  static constexpr Entry kUserExecuteNever = Entry{1} << 54;
  static constexpr Entry kAddress = 0x0000'ffff'ffff'f000;

  // AttrIndx, bits 4:2, chooses one byte of MAIR_EL1 (D17.2.97): 0 is normal write-back memory, 1 is Device-nGnRnE.
  static constexpr Entry kAttributes = 7 << 2;
  static constexpr Entry kNormalMemory = 0 << 2;
  static constexpr Entry kDeviceMemory = 1 << 2;
  static constexpr std::uint64_t kMair = 0x00ff;

  static constexpr PageFlags honoured(PageFlags flags) { return flags; }

  static constexpr Entry leaf(unsigned level, PhysAddr pa, PageFlags flags) {
    const bool kernel_executes = flags.execute && !flags.user;
    const bool user_executes = flags.execute && flags.user;
    return pa.raw() | kValid | (level == 0 ? kTableOrPage : 0) | kAccessed | (flags.user ? kUser : 0) |
           (flags.write ? 0 : kReadOnly) | (flags.global ? 0 : kNotGlobal) |
           (kernel_executes ? 0 : kPrivilegedExecuteNever) | (user_executes ? 0 : kUserExecuteNever) |
           (flags.memory == MemoryType::kDevice ? kDeviceMemory : kNormalMemory | kInnerShareable);
  }

  // The fields that could restrict what lies below (APTable, XNTable, PXNTable) stay 0.
  static constexpr Entry table(PhysAddr pa) { return pa.raw() | kValid | kTableOrPage; }

  static constexpr Decoded decode(unsigned level, Entry entry) {
    if ((entry & kValid) == 0) return {};
    const PhysAddr address{entry & kAddress};
    const bool type = (entry & kTableOrPage) != 0;
    if (level > 0 && type) return {EntryKind::kTable, address, {}};
    if (level > kLargestLeaf || (level == 0 && !type) ||
        !address.is_aligned(std::uint64_t{1} << (kPageBits + level * kIndexBits))) {
      return {EntryKind::kInvalid, address, {}};
    }
    const bool user = (entry & kUser) != 0;
    return {EntryKind::kLeaf,
            address,
            {.write = (entry & kReadOnly) == 0,
             .execute = (entry & (user ? kUserExecuteNever : kPrivilegedExecuteNever)) == 0,
             .user = user,
             .global = (entry & kNotGlobal) == 0,
             .memory = (entry & kAttributes) == kDeviceMemory ? MemoryType::kDevice : MemoryType::kNormal}};
  }
};

static_assert(PagingFormat<Aarch64Paging> && is_sound<Aarch64Paging>());
// Golden values, put together by hand from the figure.
static_assert(Aarch64Paging::leaf(0, PhysAddr{0x4020'3000}, {.execute = true, .global = true}) ==
              0x0040'0000'4020'3783);
static_assert(Aarch64Paging::leaf(0, PhysAddr{0x4020'3000}, {.write = true, .global = true}) == 0x0060'0000'4020'3703);
static_assert(Aarch64Paging::leaf(1, PhysAddr{0x4040'0000}, {.write = true, .global = true}) == 0x0060'0000'4040'0701);
static_assert(Aarch64Paging::leaf(0, PhysAddr{0x0900'0000},
                                  {.write = true, .global = true, .memory = MemoryType::kDevice}) ==
              0x0060'0000'0900'0407);
static_assert(Aarch64Paging::leaf(0, PhysAddr{0x4800'0000}, {.execute = true, .user = true}) == 0x0020'0000'4800'0fc3);
static_assert(Aarch64Paging::table(PhysAddr{0x4100'1000}) == 0x4100'1003);
