// map(), map_range() and lookup(): what they do and what they refuse.
#include "kernel/tests/page_table_test.h"

namespace {

template <typename F>
class PageTableMap : public testing::Test {};
TYPED_TEST_SUITE(PageTableMap, Formats, FormatName);

TYPED_TEST(PageTableMap, EmptyTableMapsNothing) {
  const auto table = first_table<TypeParam>();
  for (const VirtAddr va : hardware_of<TypeParam>().edges) EXPECT_EQ(look_up(table, va), std::nullopt);
  EXPECT_EQ(frame_counts().used, 1u) << "lookup() allocates nothing";
}

TYPED_TEST(PageTableMap, MapsOnePage) {
  auto table = first_table<TypeParam>();
  const PageFlags flags = TypeParam::honoured({.write = true});
  ASSERT_EQ(outcome(table.map(kVa, kPa, {.write = true})), "ok");

  EXPECT_EQ(look_up(table, kVa), (Translation{kPa, kPageSize, flags}));
  EXPECT_EQ(look_up(table, kVa + 0x123), (Translation{kPa + 0x123, kPageSize, flags}));
  EXPECT_EQ(look_up(table, kVa + 0xfff), (Translation{kPa + 0xfff, kPageSize, flags}));
  EXPECT_EQ(look_up(table, kVa - 1), std::nullopt);
  EXPECT_EQ(look_up(table, kVa + kPageSize), std::nullopt);
  EXPECT_EQ(tree_of(table).tables.size(), TypeParam::kLevels);
  expect_sound(table);
}

TYPED_TEST(PageTableMap, MapsABlockOfEachLevel) {
  for (unsigned level = 1; level <= TypeParam::kLargestLeaf; ++level) {
    auto table = first_table<TypeParam>();
    const std::uint64_t size = level_size<TypeParam>(level);
    const PageFlags flags = TypeParam::honoured({.user = true});
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {.user = true}, level)), "ok");

    for (const std::uint64_t offset : {std::uint64_t{0}, kPageSize + 7, size / 2, size - 1}) {
      EXPECT_EQ(look_up(table, kBlockVa + offset), (Translation{kBlockPa + offset, size, flags}));
    }
    EXPECT_EQ(look_up(table, kBlockVa - 1), std::nullopt);
    EXPECT_EQ(look_up(table, kBlockVa + size), std::nullopt);
    EXPECT_EQ(leaf_sizes(table), std::vector{size});
    EXPECT_EQ(tree_of(table).tables.size(), TypeParam::kLevels - level);
    expect_sound(table);
  }
}

TYPED_TEST(PageTableMap, MapsFirstAndLastPageOfBothHalves) {
  for (const VirtAddr edge : hardware_of<TypeParam>().edges) {
    auto table = first_table<TypeParam>();  // on Arm each half has a root of its own
    ASSERT_EQ(outcome(table.map(edge, kPa, {})), "ok") << testing::PrintToString(edge);
    EXPECT_EQ(look_up(table, edge + 0xfff), (Translation{kPa + 0xfff, kPageSize, TypeParam::honoured({})}));
    EXPECT_EQ(tree_of(table).leaves.size(), 1u);
  }
}

// Page i of one table gets the i-th combination of flags. An entry that points to a table must limit none of them, in
// whichever order they come.
template <typename F>
void expect_all_flags(const std::vector<unsigned>& order, unsigned level) {
  auto table = first_table<F>();
  const std::uint64_t size = level_size<F>(level);
  const VirtAddr va = level == 0 ? kBlockVa : VirtAddr{0};
  for (const unsigned i : order) {
    ASSERT_EQ(outcome(table.map(va + i * size, kBlockPa, flags_from_number(i), level)), "ok");
  }
  for (const unsigned i : order) {
    EXPECT_EQ(look_up(table, va + i * size), (Translation{kBlockPa, size, F::honoured(flags_from_number(i))}));
  }
  expect_sound(table);
}

TYPED_TEST(PageTableMap, IntermediateEntriesPermitEverything) {
  std::vector<unsigned> order(32);
  std::ranges::generate(order, [i = 0u]() mutable { return i++; });
  for (unsigned level = 0; level <= TypeParam::kLargestLeaf; ++level) {
    expect_all_flags<TypeParam>(order, level);
    std::ranges::reverse(order);
    expect_all_flags<TypeParam>(order, level);
  }
}

TYPED_TEST(PageTableMap, IntermediateEntriesMadeForAReadOnlyPage) {
  auto table = first_table<TypeParam>();
  const PageFlags kinds[] = {{}, {.write = true}, {.execute = true}, {.user = true}, {.execute = true, .user = true}};
  for (unsigned i = 0; i < std::size(kinds); ++i) {
    ASSERT_EQ(outcome(table.map(kVa + i * kPageSize, kPa, kinds[i])), "ok");
  }
  for (unsigned i = 0; i < std::size(kinds); ++i) {
    EXPECT_EQ(look_up(table, kVa + i * kPageSize).value().flags, TypeParam::honoured(kinds[i]));
  }
}

// Expects that map() refuses, and that nothing has changed.
template <typename F>
void expect_refused(Table<F>& table, std::string_view error, VirtAddr va, PhysAddr pa, unsigned level = 0) {
  const Snapshot before = snapshot(table);
  EXPECT_EQ(outcome(table.map(va, pa, {.write = true}, level)), error) << testing::PrintToString(va);
  EXPECT_EQ(snapshot(table), before);
}

TYPED_TEST(PageTableMap, RefusesAPageAlreadyMapped) {
  auto table = first_table<TypeParam>();
  ASSERT_EQ(outcome(table.map(kVa, kPa, {})), "ok");
  expect_refused(table, "already-mapped", kVa, kPa);
  expect_refused(table, "already-mapped", kVa, kPa + kPageSize);
  EXPECT_EQ(look_up(table, kVa), (Translation{kPa, kPageSize, TypeParam::honoured({})}));
}

TYPED_TEST(PageTableMap, RefusesWhatABlockHasTaken) {
  for (unsigned level = 1; level <= TypeParam::kLargestLeaf; ++level) {
    auto table = first_table<TypeParam>();
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, level)), "ok");
    for (unsigned smaller = 0; smaller <= level; ++smaller) {
      expect_refused(table, "already-mapped", kBlockVa, kBlockPa, smaller);
      const std::uint64_t last = level_size<TypeParam>(level) - level_size<TypeParam>(smaller);
      expect_refused(table, "already-mapped", kBlockVa + last, kBlockPa, smaller);
    }
  }
}

TYPED_TEST(PageTableMap, RefusesABlockOverAPageAlreadyMapped) {
  for (unsigned level = 1; level <= TypeParam::kLargestLeaf; ++level) {
    for (unsigned smaller = 0; smaller < level; ++smaller) {
      auto table = first_table<TypeParam>();
      const std::uint64_t last = level_size<TypeParam>(level) - level_size<TypeParam>(smaller);
      ASSERT_EQ(outcome(table.map(kBlockVa + last, kBlockPa, {}, smaller)), "ok");
      expect_refused(table, "already-mapped", kBlockVa, kBlockPa, level);
    }
  }
}

// An entry has room for so many bits of a frame's address; the others would set flags, or be lost.
TYPED_TEST(PageTableMap, RefusesFramesThatAnEntryCannotHold) {
  constexpr unsigned kPointerBits = 8 * sizeof(typename TypeParam::Entry);
  auto table = first_table<TypeParam>();
  for (const std::uint64_t bit : {std::uint64_t{1} << (kPointerBits - 1) << 1, std::uint64_t{1} << 63}) {
    if (bit != 0) expect_refused(table, "bad-address", kVa, PhysAddr{bit | 0x3000});
  }
}

TYPED_TEST(PageTableMap, ALeafAboveTheLargestBlockIsABug) {
  auto table = first_table<TypeParam>();
  EXPECT_THROW((void)table.map(VirtAddr{}, PhysAddr{}, {}, TypeParam::kLargestLeaf + 1), CheckFailed);
}

TYPED_TEST(PageTableMap, RefusesAddressesThatDoNotTranslate) {
  auto table = first_table<TypeParam>();
  map_edges(table);
  for (const VirtAddr va : hardware_of<TypeParam>().untranslatable) {
    expect_refused(table, "bad-address", va, kPa);
    EXPECT_FALSE(table.lookup(va).has_value());
  }
}

TYPED_TEST(PageTableMap, RefusesWhatIsNotAligned) {
  for (unsigned level = 0; level <= TypeParam::kLargestLeaf; ++level) {
    auto table = first_table<TypeParam>();
    const std::uint64_t half = level_size<TypeParam>(level) / 2;
    for (const std::uint64_t offset : {std::uint64_t{1}, std::uint64_t{8}, half}) {
      expect_refused(table, "misaligned", kBlockVa + offset, kBlockPa, level);
      expect_refused(table, "misaligned", kBlockVa, kBlockPa + offset, level);
    }
  }
}

TYPED_TEST(PageTableMap, TablesAreSharedByNeighbours) {
  auto table = first_table<TypeParam>();
  for (unsigned i = 0; i < kEntriesPerTable<TypeParam>; ++i) {
    ASSERT_EQ(outcome(table.map(kBlockVa + i * kPageSize, kPa + i * kPageSize, {})), "ok");
  }
  EXPECT_EQ(tree_of(table).leaves.size(), kEntriesPerTable<TypeParam>);
  EXPECT_EQ(frame_counts().used, TypeParam::kLevels) << "one table of each level is enough";
  EXPECT_EQ(look_up(table, kBlockVa + 300 * kPageSize).value().address, kPa + 300 * kPageSize);
}

}  // namespace
