// map() when memory runs out, and map() while the hardware looks on.
#include "kernel/tests/page_table_test.h"

namespace {

template <typename F>
class PageTableMapMemory : public testing::Test {};
TYPED_TEST_SUITE(PageTableMapMemory, Formats, FormatName);

TYPED_TEST(PageTableMapMemory, OutOfMemoryChangesNothing) {
  for (unsigned level = 0; level <= TypeParam::kLargestLeaf; ++level) {
    auto table = first_table<TypeParam>();
    const Snapshot before = snapshot(table);
    const unsigned missing = TypeParam::kLevels - 1 - level;
    for (unsigned k = 1; k <= missing; ++k) {
      frames().lock()->fail_allocation(k);
      EXPECT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, level)), "no-memory");
      EXPECT_EQ(snapshot(table), before) << "allocation " << k << " of " << missing << " failed";
    }
    frames().lock()->fail_allocation(missing + 1);
    EXPECT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, level)), "ok") << "no more than " << missing << " are needed";
    expect_sound(table);
  }
}

// The same below tables that exist already.
TYPED_TEST(PageTableMapMemory, OutOfMemoryLeavesOtherPagesAlone) {
  auto table = first_table<TypeParam>();
  ASSERT_EQ(outcome(table.map(kBlockVa, kPa, {})), "ok");
  const VirtAddr beside = kBlockVa + level_size<TypeParam>(1);
  const Snapshot before = snapshot(table);
  frames().lock()->fail_allocation(1);
  EXPECT_EQ(outcome(table.map(beside, kPa, {})), "no-memory");
  EXPECT_EQ(snapshot(table), before);
  EXPECT_EQ(look_up(table, beside), std::nullopt);
}

TYPED_TEST(PageTableMapMemory, OutOfMemoryWhenNoFrameIsLeft) {
  auto table = first_table<TypeParam>();
  ASSERT_EQ(outcome(table.map(kBlockVa, kPa, {})), "ok");
  std::vector<OwnedFrame> hoard;
  while (frame_counts().window_free > 0) hoard.push_back(OwnedFrame::allocate(Zone::kWindow).value());
  const Snapshot before = snapshot(table);
  EXPECT_EQ(outcome(table.map(VirtAddr{0}, kPa, {})), "no-memory");
  EXPECT_EQ(snapshot(table), before);
  EXPECT_EQ(outcome(table.map(kBlockVa + kPageSize, kPa, {})), "ok") << "this needs no frame";
  EXPECT_EQ(frame_counts().beyond_free, 16u) << "tables are made of frames of the window";
}

// A new page appears by one write, complete; and nothing else appears or changes on the way.
TYPED_TEST(PageTableMapMemory, TheWalkerMayLookAtAnyMoment) {
  for (unsigned level = 0; level <= TypeParam::kLargestLeaf; ++level) {
    Watch watch{hardware_of<TypeParam>(), first_root()};
    auto table = watched_table<TypeParam>(watch);
    const std::uint64_t size = level_size<TypeParam>(level);
    const VirtAddr places[] = {kBlockVa, kBlockVa + size, VirtAddr{0}, VirtAddr{size * 7}, VirtAddr{0x4000'0000}};
    for (unsigned i = 0; i < std::size(places); ++i) {
      ASSERT_EQ(outcome(table.map(places[i], kBlockPa, {.write = true}, level)), "ok");
      EXPECT_EQ(watch.changes, i + 1) << "map() must change what the hardware sees in one step";
      EXPECT_EQ(watch.leaves.size(), i + 1);
      EXPECT_EQ(look_up(table, places[i]).value().size, size);
    }
    expect_sound(table);
  }
}

TYPED_TEST(PageTableMapMemory, TheWalkerMayLookWhileMapFails) {
  Watch watch{hardware_of<TypeParam>(), first_root()};
  auto table = watched_table<TypeParam>(watch);
  for (unsigned k = 1; k < TypeParam::kLevels; ++k) {
    frames().lock()->fail_allocation(k);
    EXPECT_EQ(outcome(table.map(kVa, kPa, {})), "no-memory");
    EXPECT_EQ(watch.changes, 0u);
  }
  expect_sound(table);
}

}  // namespace
