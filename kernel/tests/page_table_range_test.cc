// map_range(): the largest blocks, and ranges that begin and end anywhere.
#include <numeric>

#include "kernel/tests/page_table_test.h"

namespace {

template <typename F>
class PageTableMapRange : public testing::Test {};
TYPED_TEST_SUITE(PageTableMapRange, Formats, FormatName);

using Sizes = std::vector<std::uint64_t>;

// From one page below a block to one page above it, by blocks of every level on the way up and down again.
TYPED_TEST(PageTableMapRange, ChoosesTheLargestBlocks) {
  auto table = first_table<TypeParam>();
  Sizes sizes;
  for (unsigned level = 0; level < TypeParam::kLargestLeaf; ++level) sizes.push_back(level_size<TypeParam>(level));
  const std::uint64_t below = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  const std::uint64_t block = level_size<TypeParam>(TypeParam::kLargestLeaf);
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

TYPED_TEST(PageTableMapRange, ABlockOfEachLevelIsOneLeaf) {
  for (unsigned level = 0; level <= TypeParam::kLargestLeaf; ++level) {
    auto table = first_table<TypeParam>();
    const std::uint64_t size = level_size<TypeParam>(level);
    ASSERT_EQ(outcome(table.map_range(kBlockVa, kBlockPa, size, {})), "ok");
    EXPECT_EQ(leaf_sizes(table), Sizes{size});
    EXPECT_EQ(frame_counts().used, TypeParam::kLevels - level);
  }
}

// Two blocks' worth of bytes, of which one address is aligned for pages only.
TYPED_TEST(PageTableMapRange, BothAddressesLimitTheBlocks) {
  constexpr std::uint64_t kBlock = level_size<TypeParam>(1);
  const Sizes pages(2 * kBlock / kPageSize, kPageSize);
  auto table = first_table<TypeParam>();
  ASSERT_EQ(outcome(table.map_range(kBlockVa, kBlockPa + kPageSize, 2 * kBlock, {})), "ok");
  EXPECT_EQ(leaf_sizes(table), pages);
  EXPECT_EQ(look_up(table, kBlockVa + kBlock + 5).value().address, kBlockPa + kPageSize + kBlock + 5);

  table = first_table<TypeParam>();
  ASSERT_EQ(outcome(table.map_range(kBlockVa + kPageSize, kBlockPa, 2 * kBlock, {})), "ok");
  EXPECT_EQ(leaf_sizes(table), pages);
}

// An address may permit a block, but not the largest.
TYPED_TEST(PageTableMapRange, TakesTheLevelThatFits) {
  for (unsigned level = 0; level < TypeParam::kLargestLeaf; ++level) {
    auto table = first_table<TypeParam>();
    const std::uint64_t size = level_size<TypeParam>(level);
    ASSERT_EQ(outcome(table.map_range(kBlockVa, kBlockPa + size, 3 * size, {})), "ok");
    EXPECT_EQ(leaf_sizes(table), Sizes(3, size));
  }
}

TYPED_TEST(PageTableMapRange, KeepsTheFlagsThroughout) {
  constexpr std::uint64_t kBlock = level_size<TypeParam>(1);
  constexpr PageFlags kFlags{.write = true, .user = true, .global = true, .memory = MemoryType::kDevice};
  auto table = first_table<TypeParam>();
  ASSERT_EQ(outcome(table.map_range(kBlockVa, kBlockPa, kBlock + kPageSize, kFlags)), "ok");
  EXPECT_EQ(look_up(table, kBlockVa).value().flags, TypeParam::honoured(kFlags));
  EXPECT_EQ(look_up(table, kBlockVa + kBlock).value().flags, TypeParam::honoured(kFlags));
}

TYPED_TEST(PageTableMapRange, EndsWhereTheAddressSpaceEnds) {
  constexpr std::uint64_t kBlock = level_size<TypeParam>(1);
  const VirtAddr last_page = hardware_of<TypeParam>().edges[3];
  const VirtAddr start = last_page - kBlock;  // one page, then one block
  auto table = first_table<TypeParam>();
  ASSERT_EQ(outcome(table.map_range(start, kBlockPa - kPageSize, kPageSize + kBlock, {})), "ok");
  EXPECT_EQ(leaf_sizes(table), (Sizes{kPageSize, kBlock}));
  EXPECT_EQ(look_up(table, last_page + 0xfff).value().address, kBlockPa + kBlock - 1);

  table = first_table<TypeParam>();
  ASSERT_EQ(outcome(table.map_range(last_page, kPa, kPageSize, {})), "ok");
  EXPECT_EQ(leaf_sizes(table), Sizes{kPageSize});
}

TYPED_TEST(PageTableMapRange, DoesNotGoOnAtPageZeroWhereTheAddressSpaceEnds) {
  auto table = first_table<TypeParam>();
  const VirtAddr last_page = hardware_of<TypeParam>().edges[3];
  EXPECT_EQ(outcome(table.map_range(last_page, kPa, 2 * kPageSize, {})), "bad-address");
  EXPECT_EQ(look_up(table, VirtAddr{}), std::nullopt);
}

TYPED_TEST(PageTableMapRange, StopsWhereTheLowerHalfEnds) {
  const Hardware& hardware = hardware_of<TypeParam>();
  auto table = first_table<TypeParam>();
  const VirtAddr last_page = hardware.untranslatable[0] - kPageSize;
  ASSERT_EQ(outcome(table.map_range(last_page, kPa, kPageSize, {})), "ok");

  table = first_table<TypeParam>();
  EXPECT_EQ(outcome(table.map_range(last_page, kPa, 2 * kPageSize, {})), "bad-address");
  EXPECT_EQ(look_up(table, last_page).value().address, kPa) << "what was mapped before the failure stays";
  expect_sound(table);
}

TYPED_TEST(PageTableMapRange, StopsAtAPageAlreadyTaken) {
  auto table = first_table<TypeParam>();
  ASSERT_EQ(outcome(table.map(kVa + 2 * kPageSize, kPa, {.write = true})), "ok");
  EXPECT_EQ(outcome(table.map_range(kVa, kBlockPa, 4 * kPageSize, {})), "already-mapped");
  EXPECT_EQ(look_up(table, kVa).value().address, kBlockPa);
  EXPECT_EQ(look_up(table, kVa + kPageSize).value().address, kBlockPa + kPageSize);
  EXPECT_EQ(look_up(table, kVa + 2 * kPageSize).value().address, kPa) << "the page that was there is unchanged";
  EXPECT_EQ(look_up(table, kVa + 3 * kPageSize), std::nullopt);
}

TYPED_TEST(PageTableMapRange, RefusesWhatIsNotAligned) {
  auto table = first_table<TypeParam>();
  const Snapshot before = snapshot(table);
  EXPECT_EQ(outcome(table.map_range(kVa, kPa, 1, {})), "misaligned");
  EXPECT_EQ(outcome(table.map_range(kVa, kPa, kPageSize + 0x800, {})), "misaligned");
  EXPECT_EQ(outcome(table.map_range(kVa + 1, kPa, kPageSize, {})), "misaligned");
  EXPECT_EQ(outcome(table.map_range(kVa, kPa + 0x800, kPageSize, {})), "misaligned");
  EXPECT_EQ(snapshot(table), before);
}

TYPED_TEST(PageTableMapRange, NothingIsEasilyMapped) {
  auto table = first_table<TypeParam>();
  const Snapshot before = snapshot(table);
  EXPECT_EQ(outcome(table.map_range(kVa, kPa, 0, {})), "ok");
  EXPECT_EQ(snapshot(table), before);
}

TYPED_TEST(PageTableMapRange, OutOfMemoryMidwayKeepsWhatIsMapped) {
  constexpr std::uint64_t kBlock = level_size<TypeParam>(1);
  auto table = first_table<TypeParam>();
  // The range crosses into a second table of pages, and that one cannot be had.
  frames().lock()->fail_allocation(TypeParam::kLevels);
  const VirtAddr start = kBlockVa + kBlock - 2 * kPageSize;
  EXPECT_EQ(outcome(table.map_range(start, kPa, 4 * kPageSize, {})), "no-memory");
  EXPECT_EQ(leaf_sizes(table), Sizes(2, kPageSize));
  EXPECT_EQ(frame_counts().used, TypeParam::kLevels);
  expect_sound(table);

  EXPECT_EQ(outcome(table.map_range(kBlockVa + kBlock, kPa, 2 * kPageSize, {})), "ok") << "now there is memory again";
  expect_sound(table);
}

}  // namespace
