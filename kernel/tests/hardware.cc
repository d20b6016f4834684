#include "kernel/tests/hardware.h"

#include <algorithm>
#include <cstring>

#include "arch/aarch64/paging.h"
#include "arch/i386/paging.h"
#include "arch/riscv64/paging.h"
#include "arch/x86_64/paging.h"
#include "kernel/base/layout.h"
#include "kernel/frames/frame_allocator.h"

namespace {

constexpr bool bit(std::uint64_t value, unsigned number) {
  return (value >> number & 1) != 0;
}

// Bits high..low of `value`, where they stand.
constexpr std::uint64_t bits(std::uint64_t value, unsigned high, unsigned low) {
  return value & (~std::uint64_t{0} >> (63 - high)) & ~((std::uint64_t{1} << low) - 1);
}

// Intel SDM vol. 3, 4.5.4, tables 4-15 to 4-20. R/W, U/S and XD of all entries of the walk are ANDed (4.6.1).
HardwareEntry read_x86_64(unsigned level, std::uint64_t entry) {
  if (!bit(entry, 0)) return {};
  const bool page_size = level > 0 && bit(entry, 7);
  const bool reserved = page_size && (level == 3 || bits(entry, level == 2 ? 29 : 20, 13) != 0);
  const bool leaf = level == 0 || page_size;
  const bool execute = !bit(entry, 63);
  return {.kind = reserved ? HardwareEntry::kBroken
                  : leaf   ? HardwareEntry::kLeaf
                           : HardwareEntry::kTable,
          .address = bits(entry, 51, 12),
          .write = bit(entry, 1),
          .user = bit(entry, 2),
          .kernel_execute = execute,
          .user_execute = execute,
          .global = leaf && bit(entry, 8),
          .device = leaf && bit(entry, 4) && bit(entry, 3)};
}

// Intel SDM vol. 3, 4.3, tables 4-4 to 4-6.
HardwareEntry read_i386(unsigned level, std::uint64_t entry) {
  if (!bit(entry, 0)) return {};
  const bool page_size = level > 0 && bit(entry, 7);
  const bool reserved = page_size && bits(entry, 21, 13) != 0;
  const bool leaf = level == 0 || page_size;
  return {.kind = reserved ? HardwareEntry::kBroken
                  : leaf   ? HardwareEntry::kLeaf
                           : HardwareEntry::kTable,
          .address = bits(entry, 31, 12),
          .write = bit(entry, 1),
          .user = bit(entry, 2),
          .kernel_execute = true,
          .user_execute = true,
          .global = leaf && bit(entry, 8),
          .device = leaf && bit(entry, 4) && bit(entry, 3)};
}

// Arm ARM D8.3.1; a table's APTable, UXNTable and PXNTable limit what is below (D8.4.1). `level` counts from the pages.
HardwareEntry read_aarch64(unsigned level, std::uint64_t entry) {
  if (!bit(entry, 0)) return {};
  if (level > 0 && bit(entry, 1)) {
    return {.kind = HardwareEntry::kTable,
            .address = bits(entry, 47, 12),
            .write = !bit(entry, 62),
            .user = !bit(entry, 61),
            .kernel_execute = !bit(entry, 59),
            .user_execute = !bit(entry, 60)};
  }
  const bool type_exists = level == 0 ? bit(entry, 1) : level < 3;
  const bool aligned = level == 0 || bits(entry, 11 + 9 * level, 12) == 0;
  const bool accessed = bit(entry, 10);
  const bool known_memory = bits(entry, 4, 3) == 0;  // MAIR_EL1 describes types 0 and 1
  const bool good = type_exists && aligned && accessed && known_memory;
  return {.kind = good ? HardwareEntry::kLeaf : HardwareEntry::kBroken,
          .address = bits(entry, 47, 12),
          .write = !bit(entry, 7),
          .user = bit(entry, 6),
          .kernel_execute = !bit(entry, 53),
          .user_execute = !bit(entry, 54),
          .global = !bit(entry, 11),
          .device = bit(entry, 2)};
}

// RISC-V privileged specification, 4.3.1 and 4.4. A table limits nothing; its A, D and U are reserved, its G spreads.
HardwareEntry read_riscv64(unsigned level, std::uint64_t entry) {
  if (!bit(entry, 0)) return {};
  const std::uint64_t address = bits(entry, 53, 10) << 2;
  const bool read = bit(entry, 1), write = bit(entry, 2), execute = bit(entry, 3), user = bit(entry, 4);
  const bool accessed = bit(entry, 6), dirty = bit(entry, 7), reserved = bits(entry, 63, 54) != 0;
  if (!read && !write && !execute) {
    const bool good = level > 0 && !user && !accessed && !dirty && !reserved;
    return {.kind = good ? HardwareEntry::kTable : HardwareEntry::kBroken,
            .address = address,
            .write = true,
            .user = true,
            .kernel_execute = true,
            .user_execute = true,
            .global = bit(entry, 5)};
  }
  const bool aligned = level == 0 || bits(address, 11 + 9 * level, 12) == 0;
  const bool good = read && accessed && (dirty || !write) && aligned && !reserved;
  return {.kind = good ? HardwareEntry::kLeaf : HardwareEntry::kBroken,
          .address = address,
          .write = write,
          .user = user,
          .kernel_execute = execute,
          .user_execute = execute,
          .global = bit(entry, 5)};
}

// What an entry of the format F is, whatever the type of F's entries.
template <PagingFormat F>
std::uint64_t leaf(unsigned level, PhysAddr pa, PageFlags flags) {
  return F::leaf(level, pa, flags);
}
template <PagingFormat F>
std::uint64_t table(PhysAddr pa) {
  return F::table(pa);
}

template <PagingFormat F>
constexpr bool has_geometry_of(const Hardware& hardware) {
  return hardware.levels == F::kLevels && hardware.index_bits == F::kIndexBits &&
         hardware.entry_bytes == sizeof(typename F::Entry) && hardware.largest_leaf == F::kLargestLeaf;
}

// What a CPU sets by itself: Intel SDM vol. 3, 4.8; RISC-V privileged specification, 4.3.1. On Arm the kernel of these
// labs does not ask for it (TCR_EL1.HA and HD are 0).
constexpr Hardware kX86_64{.format = Format::kX86_64,
                           .name = "x86_64",
                           .levels = 4,
                           .index_bits = 9,
                           .entry_bytes = 8,
                           .largest_leaf = 1,
                           .edges = {VirtAddr{0}, VirtAddr{0x0000'7fff'ffff'f000}, VirtAddr{0xffff'8000'0000'0000},
                                     VirtAddr{0xffff'ffff'ffff'f000}},
                           .untranslatable = {VirtAddr{0x0000'8000'0000'0000}, VirtAddr{0xffff'7fff'ffff'f000}},
                           .read = read_x86_64,
                           .used_table = 1 << 5,
                           .used_leaf = 1 << 5,
                           .written_leaf = 1 << 6,
                           .honoured = X86_64Paging::honoured,
                           .leaf = leaf<X86_64Paging>,
                           .table = table<X86_64Paging>};
static_assert(has_geometry_of<X86_64Paging>(kX86_64));
constexpr Hardware kAarch64{.format = Format::kAarch64,
                            .name = "aarch64",
                            .levels = 4,
                            .index_bits = 9,
                            .entry_bytes = 8,
                            .largest_leaf = 2,
                            .edges = {VirtAddr{0}, VirtAddr{0x0000'ffff'ffff'f000}, VirtAddr{0xffff'0000'0000'0000},
                                      VirtAddr{0xffff'ffff'ffff'f000}},
                            .untranslatable = {VirtAddr{0x0001'0000'0000'0000}, VirtAddr{0xfffe'ffff'ffff'f000}},
                            .read = read_aarch64,
                            .used_table = 0,
                            .used_leaf = 0,
                            .written_leaf = 0,
                            .honoured = Aarch64Paging::honoured,
                            .leaf = leaf<Aarch64Paging>,
                            .table = table<Aarch64Paging>};
static_assert(has_geometry_of<Aarch64Paging>(kAarch64));
constexpr Hardware kRiscv64{.format = Format::kRiscv64,
                            .name = "riscv64",
                            .levels = 3,
                            .index_bits = 9,
                            .entry_bytes = 8,
                            .largest_leaf = 2,
                            .edges = {VirtAddr{0}, VirtAddr{0x0000'003f'ffff'f000}, VirtAddr{0xffff'ffc0'0000'0000},
                                      VirtAddr{0xffff'ffff'ffff'f000}},
                            .untranslatable = {VirtAddr{0x0000'0040'0000'0000}, VirtAddr{0xffff'ffbf'ffff'f000}},
                            .read = read_riscv64,
                            .used_table = 0,
                            .used_leaf = 1 << 6,
                            .written_leaf = 1 << 7,
                            .honoured = Sv39Paging::honoured,
                            .leaf = leaf<Sv39Paging>,
                            .table = table<Sv39Paging>};
static_assert(has_geometry_of<Sv39Paging>(kRiscv64));
// The 64 bits of a VirtAddr hold 32 bits of address: nothing above 4 GiB translates.
constexpr Hardware kI386{.format = Format::kI386,
                         .name = "i386",
                         .levels = 2,
                         .index_bits = 10,
                         .entry_bytes = 4,
                         .largest_leaf = 1,
                         .edges = {VirtAddr{0}, VirtAddr{0x7fff'f000}, VirtAddr{0x8000'0000}, VirtAddr{0xffff'f000}},
                         .untranslatable = {VirtAddr{0x1'0000'0000}, VirtAddr{0xffff'ffff'ffff'f000}},
                         .read = read_i386,
                         .used_table = 1 << 5,
                         .used_leaf = 1 << 5,
                         .written_leaf = 1 << 6,
                         .honoured = I386Paging::honoured,
                         .leaf = leaf<I386Paging>,
                         .table = table<I386Paging>};
static_assert(has_geometry_of<I386Paging>(kI386));

std::uint64_t read_raw(const Hardware& hardware, PhysAddr table, std::uint64_t index) {
  std::uint64_t entry = 0;  // the host is little-endian, as all four ISAs are
  std::memcpy(&entry, pointer_to(table + index * hardware.entry_bytes), hardware.entry_bytes);
  return entry;
}

void set_raw(const Hardware& hardware, PhysAddr table, std::uint64_t index, std::uint64_t bits) {
  const std::uint64_t entry = read_raw(hardware, table, index) | bits;
  std::memcpy(pointer_to(table + index * hardware.entry_bytes), &entry, hardware.entry_bytes);
}

bool is_in_ram(PhysAddr table) {
  return table >= layout::kRamBase && table < layout::kWindowEnd && table.is_aligned(kPageSize);
}

void limit(HardwareEntry& entry, const HardwareEntry& by) {
  entry.write &= by.write;
  entry.user &= by.user;
  entry.kernel_execute &= by.kernel_execute;
  entry.user_execute &= by.user_execute;
  entry.global |= by.global;
}

void add_table(Tree& tree, const Hardware& hardware, PhysAddr table, unsigned level, std::uint64_t va) {
  if (!is_in_ram(table)) {
    tree.broken.push_back("a table outside RAM");
    return;
  }
  if (std::find(tree.tables.begin(), tree.tables.end(), table) != tree.tables.end()) {
    tree.broken.push_back("a table that two entries point to");
    return;  // a table that leads to itself would be walked for ever
  }
  tree.tables.push_back(table);
  tree.bytes.append(static_cast<const char*>(pointer_to(table)), kPageSize);
  for (std::uint64_t index = 0; index < hardware.entries_per_table(); ++index) {
    const std::uint64_t raw = read_raw(hardware, table, index);
    const HardwareEntry entry = hardware.read(level, raw);
    const std::uint64_t entry_va = va + index * hardware.level_size(level);
    if (entry.kind == HardwareEntry::kBroken) tree.broken.push_back("entry " + std::to_string(raw));
    if (entry.kind == HardwareEntry::kTable) add_table(tree, hardware, PhysAddr{entry.address}, level - 1, entry_va);
    if (entry.kind == HardwareEntry::kLeaf) tree.leaves.push_back({entry_va, hardware.level_size(level), raw});
  }
}

}  // namespace

const Hardware& hardware_of(Format format) {
  switch (format) {
    case Format::kX86_64: return kX86_64;
    case Format::kAarch64: return kAarch64;
    case Format::kRiscv64: return kRiscv64;
    case Format::kI386: break;
  }
  return kI386;
}

std::optional<Translation> translate(const Hardware& hardware, PhysAddr root, VirtAddr va) {
  HardwareEntry above{.write = true, .user = true, .kernel_execute = true, .user_execute = true};
  PhysAddr table = root;
  for (unsigned level = hardware.levels; level-- > 0;) {
    if (!is_in_ram(table)) return {};
    HardwareEntry entry = hardware.read(level, read_raw(hardware, table, hardware.index(va, level)));
    limit(entry, above);
    if (entry.kind == HardwareEntry::kLeaf) {
      const std::uint64_t size = hardware.level_size(level);
      return Translation{PhysAddr{entry.address + va.raw() % size},
                         size,
                         {.write = entry.write,
                          .execute = entry.user ? entry.user_execute : entry.kernel_execute,
                          .user = entry.user,
                          .global = entry.global,
                          .memory = entry.device ? MemoryType::kDevice : MemoryType::kNormal}};
    }
    if (entry.kind != HardwareEntry::kTable) return {};
    above = entry;
    table = PhysAddr{entry.address};
  }
  return {};
}

void touch(const Hardware& hardware, PhysAddr root, VirtAddr va) {
  const auto found = translate(hardware, root, va);
  if (!found) return;
  PhysAddr table = root;
  for (unsigned level = hardware.levels; level-- > 0;) {
    const unsigned index = hardware.index(va, level);
    const HardwareEntry entry = hardware.read(level, read_raw(hardware, table, index));
    if (entry.kind == HardwareEntry::kLeaf) {
      return set_raw(hardware, table, index, hardware.used_leaf | (found->flags.write ? hardware.written_leaf : 0));
    }
    set_raw(hardware, table, index, hardware.used_table);
    table = PhysAddr{entry.address};
  }
}

Tree tree_of(const Hardware& hardware, PhysAddr root) {
  Tree tree;
  add_table(tree, hardware, root, hardware.levels - 1, 0);
  return tree;
}

bool Tree::operator==(const Tree&) const = default;

unsigned owners_of(PhysAddr frame) {
  return frames().lock()->shares(Frame::containing(frame));
}

void Watch::look() {
  const Tree tree = tree_of(hardware, root);
  broken.insert(broken.end(), tree.broken.begin(), tree.broken.end());
  for (const PhysAddr table : tree.tables) {
    if (owners_of(table) != 1) broken.push_back("a table in a frame that is free");
  }
  if (tree.leaves == leaves) return;
  ++changes;
  leaves = tree.leaves;
}
