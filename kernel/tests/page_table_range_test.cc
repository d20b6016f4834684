// map_range(): the largest blocks, and ranges that begin and end anywhere.
#include <numeric>

#include "kernel/tests/page_table_test.h"

namespace {

using PageTableMapRange = PageTableTest;
INSTANTIATE_TEST_SUITE_P(, PageTableMapRange, kAllFormats, kByName);

using Sizes = std::vector<std::uint64_t>;

// From one page below a block to one page above it, by blocks of every level on the way up and down again.
TEST_P(PageTableMapRange, ChoosesTheLargestBlocks) {
  Table table = first_table(hardware);
  Sizes sizes;
  for (unsigned level = 0; level < hardware.largest_leaf; ++level) sizes.push_back(hardware.level_size(level));
  const std::uint64_t below = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  const std::uint64_t block = hardware.level_size(hardware.largest_leaf);
  Sizes expected = sizes;
  expected.push_back(block);
  expected.insert(expected.end(), sizes.rbegin(), sizes.rend());

  ASSERT_EQ(outcome(table.map_range(kBlockVa - below, kBlockPa - below, below + block + below, {})), "ok");
  EXPECT_EQ(leaf_sizes(table), expected);
  for (const std::uint64_t offset : {std::uint64_t{0}, below, below + block / 2, below + block + below - 1}) {
    EXPECT_EQ(look_up(table, kBlockVa - below + offset).value().address, kBlockPa - below + offset);
  }
  EXPECT_EQ(look_up(table, kBlockVa - below - 1), std::nullopt);
  EXPECT_EQ(look_up(table, kBlockVa + block + below), std::nullopt);
  expect_sound(table);
}

TEST_P(PageTableMapRange, ABlockOfEachLevelIsOneLeaf) {
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    const std::uint64_t size = hardware.level_size(level);
    ASSERT_EQ(outcome(table.map_range(kBlockVa, kBlockPa, size, {})), "ok");
    EXPECT_EQ(leaf_sizes(table), Sizes{size});
    EXPECT_EQ(frame_counts().used, hardware.levels - level);
  }
}

// Two blocks' worth of bytes, of which one address is aligned for pages only.
TEST_P(PageTableMapRange, BothAddressesLimitTheBlocks) {
  const std::uint64_t block = hardware.level_size(1);
  const Sizes pages(2 * block / kPageSize, kPageSize);
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map_range(kBlockVa, kBlockPa + kPageSize, 2 * block, {})), "ok");
  EXPECT_EQ(leaf_sizes(table), pages);
  EXPECT_EQ(look_up(table, kBlockVa + block + 5).value().address, kBlockPa + kPageSize + block + 5);

  table = first_table(hardware);
  ASSERT_EQ(outcome(table.map_range(kBlockVa + kPageSize, kBlockPa, 2 * block, {})), "ok");
  EXPECT_EQ(leaf_sizes(table), pages);
}

// An address may permit a block, but not the largest.
TEST_P(PageTableMapRange, TakesTheLevelThatFits) {
  for (unsigned level = 0; level < hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    const std::uint64_t size = hardware.level_size(level);
    ASSERT_EQ(outcome(table.map_range(kBlockVa, kBlockPa + size, 3 * size, {})), "ok");
    EXPECT_EQ(leaf_sizes(table), Sizes(3, size));
  }
}

TEST_P(PageTableMapRange, KeepsTheFlagsThroughout) {
  const std::uint64_t block = hardware.level_size(1);
  constexpr PageFlags kFlags{.write = true, .user = true, .global = true, .memory = MemoryType::kDevice};
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map_range(kBlockVa, kBlockPa, block + kPageSize, kFlags)), "ok");
  EXPECT_EQ(look_up(table, kBlockVa).value().flags, hardware.honoured(kFlags));
  EXPECT_EQ(look_up(table, kBlockVa + block).value().flags, hardware.honoured(kFlags));
}

TEST_P(PageTableMapRange, EndsWhereTheAddressSpaceEnds) {
  const std::uint64_t block = hardware.level_size(1);
  const VirtAddr last_page = hardware.edges[3];
  const VirtAddr start = last_page - block;  // one page, then one block
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map_range(start, kBlockPa - kPageSize, kPageSize + block, {})), "ok");
  EXPECT_EQ(leaf_sizes(table), (Sizes{kPageSize, block}));
  EXPECT_EQ(look_up(table, last_page + 0xfff).value().address, kBlockPa + block - 1);

  table = first_table(hardware);
  ASSERT_EQ(outcome(table.map_range(last_page, kPa, kPageSize, {})), "ok");
  EXPECT_EQ(leaf_sizes(table), Sizes{kPageSize});
}

TEST_P(PageTableMapRange, DoesNotGoOnAtPageZeroWhereTheAddressSpaceEnds) {
  Table table = first_table(hardware);
  const VirtAddr last_page = hardware.edges[3];
  EXPECT_EQ(outcome(table.map_range(last_page, kPa, 2 * kPageSize, {})), "bad-address");
  EXPECT_EQ(look_up(table, VirtAddr{}), std::nullopt);
}

TEST_P(PageTableMapRange, StopsWhereTheLowerHalfEnds) {
  Table table = first_table(hardware);
  const VirtAddr last_page = hardware.untranslatable[0] - kPageSize;
  ASSERT_EQ(outcome(table.map_range(last_page, kPa, kPageSize, {})), "ok");

  table = first_table(hardware);
  EXPECT_EQ(outcome(table.map_range(last_page, kPa, 2 * kPageSize, {})), "bad-address");
  ASSERT_NE(look_up(table, last_page), std::nullopt) << "a range is mapped upwards, and what was mapped stays";
  EXPECT_EQ(look_up(table, last_page)->address, kPa);
  expect_sound(table);
}

TEST_P(PageTableMapRange, StopsAtAPageAlreadyTaken) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map(kVa + 2 * kPageSize, kPa, {.write = true})), "ok");
  EXPECT_EQ(outcome(table.map_range(kVa, kBlockPa, 4 * kPageSize, {})), "already-mapped");
  const Sizes upwards(3, kPageSize);
  ASSERT_EQ(leaf_sizes(table), upwards) << "a range is mapped upwards, as far as the page that is taken";
  EXPECT_EQ(look_up(table, kVa).value().address, kBlockPa);
  EXPECT_EQ(look_up(table, kVa + kPageSize).value().address, kBlockPa + kPageSize);
  EXPECT_EQ(look_up(table, kVa + 2 * kPageSize).value().address, kPa) << "the page that was there is unchanged";
  EXPECT_EQ(look_up(table, kVa + 3 * kPageSize), std::nullopt);
}

TEST_P(PageTableMapRange, RefusesWhatIsNotAligned) {
  Table table = first_table(hardware);
  const Snapshot before = snapshot(table);
  EXPECT_EQ(outcome(table.map_range(kVa, kPa, 1, {})), "misaligned");
  EXPECT_EQ(outcome(table.map_range(kVa, kPa, kPageSize + 0x800, {})), "misaligned");
  EXPECT_EQ(outcome(table.map_range(kVa + 1, kPa, kPageSize, {})), "misaligned");
  EXPECT_EQ(outcome(table.map_range(kVa, kPa + 0x800, kPageSize, {})), "misaligned");
  EXPECT_EQ(snapshot(table), before);
}

TEST_P(PageTableMapRange, NothingIsEasilyMapped) {
  Table table = first_table(hardware);
  const Snapshot before = snapshot(table);
  EXPECT_EQ(outcome(table.map_range(kVa, kPa, 0, {})), "ok");
  EXPECT_EQ(snapshot(table), before);
}

TEST_P(PageTableMapRange, OutOfMemoryMidwayKeepsWhatIsMapped) {
  const std::uint64_t block = hardware.level_size(1);
  Table table = first_table(hardware);
  // The range crosses into a second table of pages, and that one cannot be had.
  frames().lock()->fail_allocation(hardware.levels);
  const VirtAddr start = kBlockVa + block - 2 * kPageSize;
  EXPECT_EQ(outcome(table.map_range(start, kPa, 4 * kPageSize, {})), "no-memory");
  EXPECT_EQ(leaf_sizes(table), Sizes(2, kPageSize)) << "a range is mapped upwards, as far as there is memory";
  EXPECT_EQ(frame_counts().used, hardware.levels);
  expect_sound(table);

  EXPECT_EQ(outcome(table.map_range(kBlockVa + block, kPa, 2 * kPageSize, {})), "ok") << "now there is memory again";
  expect_sound(table);
}

}  // namespace
