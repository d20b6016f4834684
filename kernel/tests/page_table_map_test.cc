// map(), map_range() and lookup(): what they do and what they refuse.
#include <algorithm>
#include <numeric>

#include "kernel/tests/page_table_test.h"

namespace {

using PageTableMap = PageTableTest;
INSTANTIATE_TEST_SUITE_P(, PageTableMap, kAllFormats, kByName);

TEST_P(PageTableMap, EmptyTableMapsNothing) {
  const Table table = first_table(hardware);
  for (const VirtAddr va : hardware.edges) EXPECT_EQ(look_up(table, va), std::nullopt);
  EXPECT_EQ(frame_counts().used, 1u) << "lookup() allocates nothing";
}

TEST_P(PageTableMap, MapsOnePage) {
  Table table = first_table(hardware);
  const PageFlags flags = hardware.honoured({.write = true});
  ASSERT_EQ(outcome(table.map(kVa, kPa, {.write = true})), "ok");

  EXPECT_EQ(look_up(table, kVa), (Translation{kPa, kPageSize, flags}));
  EXPECT_EQ(look_up(table, kVa + 0x123), (Translation{kPa + 0x123, kPageSize, flags}));
  EXPECT_EQ(look_up(table, kVa + 0xfff), (Translation{kPa + 0xfff, kPageSize, flags}));
  EXPECT_EQ(look_up(table, kVa - 1), std::nullopt);
  EXPECT_EQ(look_up(table, kVa + kPageSize), std::nullopt);
  EXPECT_EQ(tree_of(table).tables.size(), hardware.levels);
  expect_sound(table);
}

TEST_P(PageTableMap, MapsABlockOfEachLevel) {
  for (unsigned level = 1; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    const std::uint64_t size = hardware.level_size(level);
    const PageFlags flags = hardware.honoured({.user = true});
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {.user = true}, level)), "ok");

    for (const std::uint64_t offset : {std::uint64_t{0}, kPageSize + 7, size / 2, size - 1}) {
      EXPECT_EQ(look_up(table, kBlockVa + offset), (Translation{kBlockPa + offset, size, flags}));
    }
    EXPECT_EQ(look_up(table, kBlockVa - 1), std::nullopt);
    EXPECT_EQ(look_up(table, kBlockVa + size), std::nullopt);
    EXPECT_EQ(leaf_sizes(table), std::vector{size});
    EXPECT_EQ(tree_of(table).tables.size(), hardware.levels - level);
    expect_sound(table);
  }
}

TEST_P(PageTableMap, MapsFirstAndLastPageOfBothHalves) {
  for (const VirtAddr edge : hardware.edges) {
    Table table = first_table(hardware);  // on Arm each half has a root of its own
    ASSERT_EQ(outcome(table.map(edge, kPa, {})), "ok") << testing::PrintToString(edge);
    EXPECT_EQ(look_up(table, edge + 0xfff), (Translation{kPa + 0xfff, kPageSize, hardware.honoured({})}));
    EXPECT_EQ(tree_of(table).leaves.size(), 1u);
  }
}

// Page i of one table gets the i-th combination of flags. An entry that points to a table must limit none of them, in
// whichever order they come.
void expect_all_flags(const Hardware& hardware, const std::vector<unsigned>& order, unsigned level) {
  Table table = first_table(hardware);
  const std::uint64_t size = hardware.level_size(level);
  const VirtAddr va = level == 0 ? kBlockVa : VirtAddr{0};
  for (const unsigned i : order) {
    ASSERT_EQ(outcome(table.map(va + i * size, kBlockPa, flags_from_number(i), level)), "ok");
  }
  for (const unsigned i : order) {
    EXPECT_EQ(look_up(table, va + i * size), (Translation{kBlockPa, size, hardware.honoured(flags_from_number(i))}));
  }
  expect_sound(table);
}

TEST_P(PageTableMap, IntermediateEntriesPermitEverything) {
  std::vector<unsigned> order(32);
  std::iota(order.begin(), order.end(), 0u);
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    expect_all_flags(hardware, order, level);
    std::reverse(order.begin(), order.end());
    expect_all_flags(hardware, order, level);
  }
}

TEST_P(PageTableMap, IntermediateEntriesMadeForAReadOnlyPage) {
  Table table = first_table(hardware);
  const PageFlags kinds[] = {{}, {.write = true}, {.execute = true}, {.user = true}, {.execute = true, .user = true}};
  for (unsigned i = 0; i < std::size(kinds); ++i) {
    ASSERT_EQ(outcome(table.map(kVa + i * kPageSize, kPa, kinds[i])), "ok");
  }
  for (unsigned i = 0; i < std::size(kinds); ++i) {
    EXPECT_EQ(look_up(table, kVa + i * kPageSize).value().flags, hardware.honoured(kinds[i]));
  }
}

// Expects that map() refuses, and that nothing has changed.
void expect_refused(Table& table, std::string_view error, VirtAddr va, PhysAddr pa, unsigned level = 0) {
  const Snapshot before = snapshot(table);
  EXPECT_EQ(outcome(table.map(va, pa, {.write = true}, level)), error) << testing::PrintToString(va);
  EXPECT_EQ(snapshot(table), before);
}

TEST_P(PageTableMap, RefusesAPageAlreadyMapped) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map(kVa, kPa, {})), "ok");
  expect_refused(table, "already-mapped", kVa, kPa);
  expect_refused(table, "already-mapped", kVa, kPa + kPageSize);
  EXPECT_EQ(look_up(table, kVa), (Translation{kPa, kPageSize, hardware.honoured({})}));
}

TEST_P(PageTableMap, RefusesWhatABlockHasTaken) {
  for (unsigned level = 1; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, level)), "ok");
    for (unsigned smaller = 0; smaller <= level; ++smaller) {
      expect_refused(table, "already-mapped", kBlockVa, kBlockPa, smaller);
      const std::uint64_t last = hardware.level_size(level) - hardware.level_size(smaller);
      expect_refused(table, "already-mapped", kBlockVa + last, kBlockPa, smaller);
    }
  }
}

TEST_P(PageTableMap, RefusesABlockOverAPageAlreadyMapped) {
  for (unsigned level = 1; level <= hardware.largest_leaf; ++level) {
    for (unsigned smaller = 0; smaller < level; ++smaller) {
      Table table = first_table(hardware);
      const std::uint64_t last = hardware.level_size(level) - hardware.level_size(smaller);
      ASSERT_EQ(outcome(table.map(kBlockVa + last, kBlockPa, {}, smaller)), "ok");
      expect_refused(table, "already-mapped", kBlockVa, kBlockPa, level);
    }
  }
}

// An entry that is there, and that no format permits above the pages: it is not empty, so the slot is not free. Any
// error will do.
TEST_P(PageTableMap, RefusesASlotWithAMalformedEntry) {
  constexpr std::uint64_t kMalformed = 0x2085;
  constexpr std::string_view kRefused = "already-mapped";
  for (unsigned above = 0; above < hardware.levels; ++above) {
    if (hardware.read(above, kMalformed).kind != HardwareEntry::kBroken) continue;
    for (unsigned level = 0; level <= std::min(above, hardware.largest_leaf); ++level) {
      Table table = first_table(hardware);
      write_entry(hardware, table_on_the_way(table, kBlockVa, above), hardware.index(kBlockVa, above), kMalformed);
      const Snapshot before = snapshot(table);
      const std::string_view said = outcome(table.map(kBlockVa, kBlockPa, {}, level));
      EXPECT_EQ(said == "ok" ? said : kRefused, kRefused) << "level " << level << " below " << above;
      EXPECT_EQ(snapshot(table), before);
    }
  }
}

// An entry has room for so many bits of a frame's address; the others would set flags, or be lost.
TEST_P(PageTableMap, RefusesFramesThatAnEntryCannotHold) {
  const unsigned pointer_bits = 8 * hardware.entry_bytes;
  Table table = first_table(hardware);
  for (const std::uint64_t bit : {std::uint64_t{1} << (pointer_bits - 1) << 1, std::uint64_t{1} << 63}) {
    if (bit != 0) expect_refused(table, "bad-address", kVa, PhysAddr{bit | 0x3000});
  }
}

TEST_P(PageTableMap, ALeafAboveTheLargestBlockIsABug) {
  Table table = first_table(hardware);
  EXPECT_THROW((void)table.map(VirtAddr{}, PhysAddr{}, {}, hardware.largest_leaf + 1), CheckFailed);
}

TEST_P(PageTableMap, RefusesAddressesThatDoNotTranslate) {
  Table table = first_table(hardware);
  map_edges(table);
  for (const VirtAddr va : hardware.untranslatable) {
    expect_refused(table, "bad-address", va, kPa);
    EXPECT_FALSE(table.lookup(va).has_value());
  }
}

TEST_P(PageTableMap, RefusesWhatIsNotAligned) {
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    const std::uint64_t half = hardware.level_size(level) / 2;
    for (const std::uint64_t offset : {std::uint64_t{1}, std::uint64_t{8}, half}) {
      expect_refused(table, "misaligned", kBlockVa + offset, kBlockPa, level);
      expect_refused(table, "misaligned", kBlockVa, kBlockPa + offset, level);
    }
  }
}

TEST_P(PageTableMap, TablesAreSharedByNeighbours) {
  Table table = first_table(hardware);
  for (unsigned i = 0; i < hardware.entries_per_table(); ++i) {
    ASSERT_EQ(outcome(table.map(kBlockVa + i * kPageSize, kPa + i * kPageSize, {})), "ok");
  }
  EXPECT_EQ(tree_of(table).leaves.size(), hardware.entries_per_table());
  EXPECT_EQ(frame_counts().used, hardware.levels) << "one table of each level is enough";
  EXPECT_EQ(look_up(table, kBlockVa + 300 * kPageSize).value().address, kPa + 300 * kPageSize);
}

}  // namespace
