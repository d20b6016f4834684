// map() when memory runs out, and map() while the hardware looks on.
#include "kernel/tests/page_table_test.h"

namespace {

using PageTableMapMemory = PageTableTest;
INSTANTIATE_TEST_SUITE_P(, PageTableMapMemory, kAllFormats, kByName);

TEST_P(PageTableMapMemory, OutOfMemoryChangesNothing) {
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    const Snapshot before = snapshot(table);
    const unsigned missing = hardware.levels - 1 - level;
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
TEST_P(PageTableMapMemory, OutOfMemoryLeavesOtherPagesAlone) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map(kBlockVa, kPa, {})), "ok");
  const VirtAddr beside = kBlockVa + hardware.level_size(1);
  const Snapshot before = snapshot(table);
  frames().lock()->fail_allocation(1);
  EXPECT_EQ(outcome(table.map(beside, kPa, {})), "no-memory");
  EXPECT_EQ(snapshot(table), before);
  EXPECT_EQ(look_up(table, beside), std::nullopt);
}

TEST_P(PageTableMapMemory, OutOfMemoryWhenNoFrameIsLeft) {
  Table table = first_table(hardware);
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
TEST_P(PageTableMapMemory, TheWalkerMayLookAtAnyMoment) {
  for (unsigned level = 0; level <= hardware.largest_leaf; ++level) {
    Watch watch{hardware, first_root()};
    Table table(hardware, watch.root, &watch);
    const std::uint64_t size = hardware.level_size(level);
    const VirtAddr places[] = {kBlockVa, kBlockVa + size, VirtAddr{0}, VirtAddr{size * 7}, VirtAddr{0x4000'0000}};
    for (unsigned i = 0; i < std::size(places); ++i) {
      ASSERT_EQ(outcome(table.map(places[i], kBlockPa, {.write = true}, level)), "ok");
      EXPECT_EQ(watch.broken, std::vector<std::string>{});
      EXPECT_EQ(watch.changes, i + 1) << "map() must change what the hardware sees in one step";
      EXPECT_EQ(watch.leaves.size(), i + 1);
      EXPECT_EQ(look_up(table, places[i]).value().size, size);
    }
    expect_sound(table);
  }
}

TEST_P(PageTableMapMemory, TheWalkerMayLookWhileMapFails) {
  Watch watch{hardware, first_root()};
  Table table(hardware, watch.root, &watch);
  for (unsigned k = 1; k < hardware.levels; ++k) {
    frames().lock()->fail_allocation(k);
    EXPECT_EQ(outcome(table.map(kVa, kPa, {})), "no-memory");
    EXPECT_EQ(watch.broken, std::vector<std::string>{});
    EXPECT_EQ(watch.changes, 0u);
  }
  expect_sound(table);
}

}  // namespace
