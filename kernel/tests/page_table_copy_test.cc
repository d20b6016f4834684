// Lab 6. map_copies(): which pages are copied, with what flags, and what is left when memory runs out.
#include "kernel/tests/page_table_test.h"

namespace {

void free_frame(PhysAddr address) {
  const OwnedFrame freed = OwnedFrame::adopt(Frame::containing(address));
}

Table another_table(const Hardware& hardware) {
  return Table(hardware, OwnedFrame::allocate_zeroed().value().release().start());
}

class PageTableCopy : public PageTableTest {
 protected:
  // Two roots of one machine, of which the first is to be copied to the second.
  Table from = first_table(hardware), to = another_table(hardware);
  std::vector<PhysAddr> asked;

  std::string_view copy(VirtAddr start, VirtAddr end) { return outcome(to.map_copies(from, start, end, asked)); }
};
INSTANTIATE_TEST_SUITE_P(, PageTableCopy, kAllFormats, kByName);

constexpr PageFlags kText{.execute = true, .user = true};
constexpr PageFlags kData{.write = true, .user = true};

TEST_P(PageTableCopy, MapsAnotherFrameWithTheSameFlags) {
  ASSERT_EQ(outcome(from.map(kVa, kPa, kText)), "ok");
  ASSERT_EQ(outcome(from.map(kVa + kPageSize, kPa + 4 * kPageSize, kData)), "ok");
  EXPECT_EQ(copy(kVa, kVa + 2 * kPageSize), "ok");
  EXPECT_EQ(asked, (std::vector{kPa, kPa + 4 * kPageSize}));
  const auto text = look_up(to, kVa).value(), data = look_up(to, kVa + kPageSize).value();
  EXPECT_EQ(text.flags, hardware.honoured(kText));
  EXPECT_EQ(data.flags, hardware.honoured(kData));
  EXPECT_NE(text.address, kPa);
  EXPECT_NE(data.address, text.address);
  EXPECT_EQ(look_up(from, kVa).value().address, kPa) << "the original is as it was";
}

TEST_P(PageTableCopy, StaysInTheRange) {
  ASSERT_EQ(outcome(from.map_range(kVa, kPa, 5 * kPageSize, kData)), "ok");
  EXPECT_EQ(copy(kVa + kPageSize, kVa + 3 * kPageSize), "ok");
  EXPECT_EQ(asked, (std::vector{kPa + kPageSize, kPa + 2 * kPageSize}));
  EXPECT_EQ(look_up(to, kVa), std::nullopt);
  EXPECT_EQ(look_up(to, kVa + 3 * kPageSize), std::nullopt);
}

// Two pages whose paths part at `level`, with nothing between them, and the edges of the address space.
TEST_P(PageTableCopy, CrossesTablesOfEveryLevel) {
  for (unsigned level = 0; level < hardware.levels; ++level) {
    from = first_table(hardware);
    to = another_table(hardware);
    const VirtAddr low{hardware.level_size(level) - kPageSize}, high{hardware.level_size(level)};
    if (level > 0) {
      ASSERT_EQ(outcome(from.map(low, kPa, kData)), "ok");
    }
    ASSERT_EQ(outcome(from.map(high, kPa + kPageSize, kData)), "ok");
    asked.clear();
    EXPECT_EQ(copy(VirtAddr{0}, high + kPageSize), "ok");
    EXPECT_EQ(asked.size(), level > 0 ? 2u : 1u);
    EXPECT_TRUE(look_up(to, high).has_value());
    EXPECT_EQ(look_up(to, low).has_value(), level > 0);
  }
}

// A second range goes into the tables that the first has made.
TEST_P(PageTableCopy, SharesTheTablesOfItsOwnRoot) {
  ASSERT_EQ(outcome(from.map_range(kVa, kPa, 3 * kPageSize, kData)), "ok");
  EXPECT_EQ(copy(kVa, kVa + kPageSize), "ok");
  const std::size_t tables = tree_of(to).tables.size();
  EXPECT_EQ(copy(kVa + 2 * kPageSize, kVa + 3 * kPageSize), "ok");
  EXPECT_EQ(tree_of(to).tables.size(), tables);
  EXPECT_EQ(tree_of(to).leaves.size(), 2u);
  EXPECT_EQ(tree_of(to).broken, std::vector<std::string>{});
}

TEST_P(PageTableCopy, MakesNoTableForNothing) {
  const Snapshot before = snapshot(to);
  EXPECT_EQ(copy(kVa, kVa), "ok");
  EXPECT_EQ(copy(VirtAddr{0}, kVa), "ok");
  EXPECT_EQ(snapshot(to), before);
}

// Every allocation may fail, of tables and of frames: what was mapped before is sound, and nothing is in use that no
// entry leads to.
TEST_P(PageTableCopy, FailsAtEveryAllocationWithoutALoss) {
  ASSERT_EQ(outcome(from.map(kVa, kPa, kData)), "ok");
  ASSERT_EQ(outcome(from.map(kBlockVa, kPa, kData)), "ok");
  const std::uint64_t before = frame_counts().used;
  for (std::uint64_t k = 1;; ++k) {
    to = another_table(hardware);
    frames().lock()->fail_allocation(k);
    const std::string_view result = copy(VirtAddr{0}, kBlockVa + kPageSize);
    frames().lock()->fail_allocation(0);
    const Tree tree = tree_of(to);
    EXPECT_EQ(tree.broken, std::vector<std::string>{});
    EXPECT_EQ(frame_counts().used, before + tree.tables.size() + tree.leaves.size());
    for (const Leaf& leaf : tree.leaves) free_frame(look_up(to, VirtAddr{leaf.va}).value().address);
    for (const PhysAddr table : tree.tables) free_frame(table);
    if (result == "ok") break;
    EXPECT_EQ(result, "no-memory");
    ASSERT_LT(k, 20u);
  }
}

}  // namespace
