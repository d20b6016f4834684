// lookup() alone, on tables that the test has written itself: it can be judged before there is any map().
#include <cstring>

#include "kernel/tests/page_table_model.h"

namespace {

using PageTableLookup = PageTableTest;
INSTANTIATE_TEST_SUITE_P(, PageTableLookup, kAllFormats, kByName);

// Entry `index` of a table; the host is little-endian, as all four ISAs are.
std::uint64_t read_entry(const Hardware& hardware, PhysAddr table, unsigned index) {
  std::uint64_t entry = 0;
  std::memcpy(&entry, pointer_to(table + index * hardware.entry_bytes), hardware.entry_bytes);
  return entry;
}
void write_entry(const Hardware& hardware, PhysAddr table, unsigned index, std::uint64_t entry) {
  std::memcpy(pointer_to(table + index * hardware.entry_bytes), &entry, hardware.entry_bytes);
}

// The table of `level` on the way to `va`, made with all above it if it is not there.
PhysAddr table_on_the_way(const Table& table, VirtAddr va, unsigned level) {
  const Hardware& hardware = table.hardware();
  PhysAddr at = table.root();
  for (unsigned above = hardware.levels - 1; above > level; --above) {
    const unsigned index = hardware.index(va, above);
    if (read_entry(hardware, at, index) == 0) {
      const PhysAddr made = OwnedFrame::allocate_zeroed().value().release().start();
      write_entry(hardware, at, index, hardware.table(made));
    }
    at = PhysAddr{hardware.read(above, read_entry(hardware, at, index)).address};
  }
  return at;
}

// Writes what maps `va`, as map() is to do it.
void write_leaf(const Table& table, VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level = 0) {
  const Hardware& hardware = table.hardware();
  const PhysAddr holder = table_on_the_way(table, va, level);
  write_entry(hardware, holder, hardware.index(va, level), hardware.leaf(level, pa, flags));
}

TEST_P(PageTableLookup, AnEmptyRootMapsNothing) {
  const Table table = first_table(hardware);
  for (const VirtAddr va : hardware.edges) EXPECT_EQ(look_up(table, va), std::nullopt);
  EXPECT_EQ(look_up(table, kVa), std::nullopt);
}

TEST_P(PageTableLookup, APageFromItsFirstByteToItsLast) {
  const Table table = first_table(hardware);
  write_leaf(table, kVa, kPa, {.write = true});
  const PageFlags flags = hardware.honoured({.write = true});
  for (const std::uint64_t offset : {0, 1, 0x123, 0xfff}) {
    EXPECT_EQ(look_up(table, kVa + offset), (Translation{kPa + offset, kPageSize, flags}));
  }
  EXPECT_EQ(look_up(table, kVa - 1), std::nullopt);
  EXPECT_EQ(look_up(table, kVa + kPageSize), std::nullopt);
}

TEST_P(PageTableLookup, ABlockOfEachLevelFromItsFirstByteToItsLast) {
  for (unsigned level = 1; level <= hardware.largest_leaf; ++level) {
    const Table table = first_table(hardware);
    const std::uint64_t size = hardware.level_size(level);
    write_leaf(table, kBlockVa, kBlockPa, {.user = true}, level);
    const PageFlags flags = hardware.honoured({.user = true});
    for (const std::uint64_t offset : {std::uint64_t{0}, kPageSize + 7, size / 2, size - 1}) {
      EXPECT_EQ(look_up(table, kBlockVa + offset), (Translation{kBlockPa + offset, size, flags}));
    }
    EXPECT_EQ(look_up(table, kBlockVa - 1), std::nullopt);
    EXPECT_EQ(look_up(table, kBlockVa + size), std::nullopt);
  }
}

// The first and the last index of each level.
TEST_P(PageTableLookup, FirstAndLastPageOfBothHalves) {
  for (const VirtAddr edge : hardware.edges) {
    const Table table = first_table(hardware);  // on Arm each half has a root of its own
    write_leaf(table, edge, kPa, {});
    EXPECT_EQ(look_up(table, edge), (Translation{kPa, kPageSize, hardware.honoured({})}));
    EXPECT_EQ(look_up(table, edge + 0xfff), (Translation{kPa + 0xfff, kPageSize, hardware.honoured({})}));
  }
}

// Page i gets the i-th combination of flags.
TEST_P(PageTableLookup, AllFlagsOfPagesAndBlocks) {
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    const Table table = first_table(hardware);
    const std::uint64_t size = hardware.level_size(level);
    for (unsigned i = 0; i < 32; ++i) write_leaf(table, VirtAddr{i * size}, kBlockPa, flags_from_number(i), level);
    for (unsigned i = 0; i < 32; ++i) {
      const PageFlags flags = hardware.honoured(flags_from_number(i));
      EXPECT_EQ(look_up(table, VirtAddr{i * size}), (Translation{kBlockPa, size, flags}));
    }
  }
}

// The walk ends at an empty entry of each level, the last one above it at a table with nothing in it.
TEST_P(PageTableLookup, TablesWithoutALeafMapNothing) {
  for (unsigned level = 0; level < hardware.levels; ++level) {
    const Table table = first_table(hardware);
    (void)table_on_the_way(table, kVa, level);
    EXPECT_EQ(look_up(table, kVa), std::nullopt) << "tables down to level " << level;
  }
}

// Their indices are those of pages that are mapped.
TEST_P(PageTableLookup, AddressesThatDoNotTranslateHaveNoMapping) {
  const Table table = first_table(hardware);
  for (const VirtAddr edge : hardware.edges) write_leaf(table, edge, kPa, {});
  for (const VirtAddr va : hardware.untranslatable) {
    EXPECT_EQ(table.lookup(va), std::nullopt) << testing::PrintToString(va);
    EXPECT_EQ(table.lookup(va + 0xfff), std::nullopt) << testing::PrintToString(va);
  }
}

TEST_P(PageTableLookup, NeitherWritesNorAllocates) {
  const Table table = first_table(hardware);
  write_leaf(table, kVa, kPa, {});
  write_leaf(table, kBlockVa, kBlockPa, {}, 1);
  const Snapshot before = snapshot(table);
  frames().lock()->fail_allocation(1);
  for (const VirtAddr va : {kVa, kVa + kPageSize, kBlockVa, kBlockVa - 1, hardware.edges[3]}) (void)look_up(table, va);
  EXPECT_EQ(snapshot(table), before);
  EXPECT_EQ(outcome(OwnedFrame::allocate_zeroed()), "no-memory") << "lookup() was the next to allocate";
}

// Pages and blocks by chance.
TEST_P(PageTableLookup, AgreesWithTheModel) {
  for (unsigned round = 0; round < 20; ++round) {
    Chance chance(hardware, seed_of(round));
    const VirtAddr half = hardware.edges[round % 2 == 0 ? 0 : 2];
    const Table table = first_table(hardware);
    PageTableModel model(hardware);
    for (unsigned leaf = 0; leaf < 12; ++leaf) {
      const auto level = static_cast<unsigned>(chance.below(hardware.largest_leaf + 1));
      const VirtAddr va{round_down(chance.page(half).raw(), hardware.level_size(level))};
      const PhysAddr pa = chance.physical(hardware.level_size(level));
      const PageFlags flags = chance.flags();
      if (model.map(va, pa, hardware.honoured(flags), level)) write_leaf(table, va, pa, flags, level);
    }
    for (unsigned step = 0; step < 60; ++step) {
      const VirtAddr va = chance.page(half) + chance.below(kPageSize);
      EXPECT_EQ(look_up(table, va), model.lookup(va)) << "in round " << round;
    }
    for (const auto& [va, leaf] : model.leaves()) {
      EXPECT_EQ(look_up(table, va), model.lookup(va)) << "in round " << round;
      EXPECT_EQ(look_up(table, va + (leaf.size - 1)), model.lookup(va + (leaf.size - 1))) << "in round " << round;
    }
    if (HasFailure()) return;
  }
}

}  // namespace
