// Lab 6. map_copies(): which pages are copied, with what flags, and what is left when memory runs out.
#include "kernel/tests/page_table_model.h"

namespace {

// Gives frames of its own, and notes of which pages it was asked for copies.
struct Copier {
  std::vector<PhysAddr>& asked;

  Result<OwnedFrame> operator()(const Decoded& page) const {
    asked.push_back(page.address);
    return OwnedFrame::allocate(Zone::kWindow);
  }
};

void free_frame(PhysAddr address) {
  const OwnedFrame freed = OwnedFrame::adopt(Frame::containing(address));
}

template <typename F>
class PageTableCopy : public testing::Test {
 protected:
  // Two roots of one machine, of which the first is to be copied to the second.
  Table<F> from{first_table<F>()};
  Table<F> to{OwnedFrame::allocate_zeroed().value().release().start()};
  std::vector<PhysAddr> asked;

  std::string_view copy(VirtAddr start, VirtAddr end) {
    return outcome(to.map_copies(from, start, end, Copier{asked}));
  }
};
TYPED_TEST_SUITE(PageTableCopy, Formats, FormatName);

constexpr PageFlags kText{.execute = true, .user = true};
constexpr PageFlags kData{.write = true, .user = true};

TYPED_TEST(PageTableCopy, MapsAnotherFrameWithTheSameFlags) {
  ASSERT_EQ(outcome(this->from.map(kVa, kPa, kText)), "ok");
  ASSERT_EQ(outcome(this->from.map(kVa + kPageSize, kPa + 4 * kPageSize, kData)), "ok");
  EXPECT_EQ(this->copy(kVa, kVa + 2 * kPageSize), "ok");
  EXPECT_EQ(this->asked, (std::vector{kPa, kPa + 4 * kPageSize}));
  const auto text = look_up(this->to, kVa).value(), data = look_up(this->to, kVa + kPageSize).value();
  EXPECT_EQ(text.flags, TypeParam::honoured(kText));
  EXPECT_EQ(data.flags, TypeParam::honoured(kData));
  EXPECT_NE(text.address, kPa);
  EXPECT_NE(data.address, text.address);
  EXPECT_EQ(look_up(this->from, kVa).value().address, kPa) << "the original is as it was";
}

TYPED_TEST(PageTableCopy, StaysInTheRange) {
  ASSERT_EQ(outcome(this->from.map_range(kVa, kPa, 5 * kPageSize, kData)), "ok");
  EXPECT_EQ(this->copy(kVa + kPageSize, kVa + 3 * kPageSize), "ok");
  EXPECT_EQ(this->asked, (std::vector{kPa + kPageSize, kPa + 2 * kPageSize}));
  EXPECT_EQ(look_up(this->to, kVa), std::nullopt);
  EXPECT_EQ(look_up(this->to, kVa + 3 * kPageSize), std::nullopt);
}

// Two pages whose paths part at `level`, with nothing between them, and the edges of the address space.
TYPED_TEST(PageTableCopy, CrossesTablesOfEveryLevel) {
  for (unsigned level = 0; level < TypeParam::kLevels; ++level) {
    auto from = first_table<TypeParam>();
    Table<TypeParam> to(OwnedFrame::allocate_zeroed().value().release().start());
    const VirtAddr low{level_size<TypeParam>(level) - kPageSize}, high{level_size<TypeParam>(level)};
    if (level > 0) {
      ASSERT_EQ(outcome(from.map(low, kPa, kData)), "ok");
    }
    ASSERT_EQ(outcome(from.map(high, kPa + kPageSize, kData)), "ok");
    this->asked.clear();
    EXPECT_EQ(outcome(to.map_copies(from, VirtAddr{0}, high + kPageSize, Copier{this->asked})), "ok");
    EXPECT_EQ(this->asked.size(), level > 0 ? 2u : 1u);
    EXPECT_TRUE(look_up(to, high).has_value());
    EXPECT_EQ(look_up(to, low).has_value(), level > 0);
  }
}

// A second range goes into the tables that the first has made.
TYPED_TEST(PageTableCopy, SharesTheTablesOfItsOwnRoot) {
  ASSERT_EQ(outcome(this->from.map_range(kVa, kPa, 3 * kPageSize, kData)), "ok");
  EXPECT_EQ(this->copy(kVa, kVa + kPageSize), "ok");
  const std::size_t tables = tree_of(this->to).tables.size();
  EXPECT_EQ(this->copy(kVa + 2 * kPageSize, kVa + 3 * kPageSize), "ok");
  EXPECT_EQ(tree_of(this->to).tables.size(), tables);
  EXPECT_EQ(tree_of(this->to).leaves.size(), 2u);
  EXPECT_EQ(tree_of(this->to).broken, std::vector<std::string>{});
}

TYPED_TEST(PageTableCopy, MakesNoTableForNothing) {
  const Snapshot before = snapshot(this->to);
  EXPECT_EQ(this->copy(kVa, kVa), "ok");
  EXPECT_EQ(this->copy(VirtAddr{0}, kVa), "ok");
  EXPECT_EQ(snapshot(this->to), before);
}

// Every allocation may fail, of tables and of frames: what was mapped before is sound, and nothing is in use that no
// entry leads to.
TYPED_TEST(PageTableCopy, FailsAtEveryAllocationWithoutALoss) {
  ASSERT_EQ(outcome(this->from.map(kVa, kPa, kData)), "ok");
  ASSERT_EQ(outcome(this->from.map(kBlockVa, kPa, kData)), "ok");
  const std::uint64_t before = frame_counts().used;
  for (std::uint64_t k = 1;; ++k) {
    Table<TypeParam> to(OwnedFrame::allocate_zeroed().value().release().start());
    frames().lock()->fail_allocation(k);
    const auto result = outcome(to.map_copies(this->from, VirtAddr{0}, kBlockVa + kPageSize, Copier{this->asked}));
    frames().lock()->fail_allocation(0);
    const Tree tree = tree_of(to);
    EXPECT_EQ(tree.broken, std::vector<std::string>{});
    EXPECT_EQ(frame_counts().used, before + tree.tables.size() + tree.leaves.size());
    for (const Leaf& leaf : tree.leaves) free_frame(look_up(to, VirtAddr{leaf.va}).value().address);
    for (const auto& [table, bytes] : tree.tables) free_frame(table);
    if (result == "ok") break;
    EXPECT_EQ(result, "no-memory");
    ASSERT_LT(k, 20u);
  }
}

}  // namespace
