// find(): the next page or block in a range, whatever holes there are.
#include "kernel/tests/page_table_model.h"

namespace {

constexpr VirtAddr kLastAddress{~std::uint64_t{0}};

// (On Arm the upper half shows the same pages once more, for want of a second root.)
VirtAddr end_of_lower_half(const Hardware& hardware) {
  return hardware.untranslatable[0];
}

// Where the leaf that find() gives begins, or "nothing". What it says of it must be what lookup() says of its start.
std::string found(const Table& table, VirtAddr start, VirtAddr end) {
  const auto leaf = table.find(start, end);
  if (!leaf) return "nothing";
  EXPECT_EQ(leaf->translation, look_up(table, leaf->start));
  return testing::PrintToString(leaf->start);
}

std::string at(VirtAddr va) {
  return testing::PrintToString(va);
}

// Where all leaves in a range begin, in the order in which find() gives them.
std::vector<VirtAddr> all_found(const Table& table, VirtAddr start, VirtAddr end) {
  std::vector<VirtAddr> all;
  for (auto leaf = table.find(start, end); leaf && all.size() < 1000;) {
    all.push_back(leaf->start);
    const VirtAddr behind = leaf->start + leaf->translation.size;
    leaf = behind > leaf->start ? table.find(behind, end) : std::nullopt;
  }
  return all;
}

using PageTableFind = PageTableTest;
INSTANTIATE_TEST_SUITE_P(, PageTableFind, kAllFormats, kByName);

// One entry after the other of an empty root, and not one page after the other: that would take years.
TEST_P(PageTableFind, NothingInAnEmptyTree) {
  const Table table = first_table(hardware);
  EXPECT_EQ(found(table, VirtAddr{0}, hardware.edges[1]), "nothing");
  EXPECT_EQ(found(table, VirtAddr{0}, kLastAddress), "nothing");
  EXPECT_EQ(found(table, hardware.edges[3], kLastAddress), "nothing");
}

TEST_P(PageTableFind, APageFromItsFirstByteToItsLast) {
  const VirtAddr end = end_of_lower_half(hardware);
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map(kVa, kPa, {.write = true, .user = true})), "ok");
  EXPECT_EQ(found(table, kVa, kVa + kPageSize), at(kVa));
  EXPECT_EQ(found(table, VirtAddr{0}, end), at(kVa));
  EXPECT_EQ(found(table, VirtAddr{0}, kVa + 1), at(kVa)) << "its first byte is in the range";
  EXPECT_EQ(found(table, VirtAddr{0}, kVa), "nothing");
  EXPECT_EQ(found(table, kVa + 0xfff, end), at(kVa)) << "its last byte is in the range";
  EXPECT_EQ(found(table, kVa + 0x800, kVa + 0x801), at(kVa)) << "and one in the middle";
  EXPECT_EQ(found(table, kVa + kPageSize, end), "nothing");
}

TEST_P(PageTableFind, ABlockFromItsFirstByteToItsLast) {
  const VirtAddr end = end_of_lower_half(hardware);
  for (unsigned level = 1; level <= hardware.largest_leaf; ++level) {
    const std::uint64_t size = hardware.level_size(level);
    Table table = first_table(hardware);
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, level)), "ok");
    EXPECT_EQ(found(table, kBlockVa, kBlockVa + size), at(kBlockVa)) << level;
    EXPECT_EQ(found(table, kBlockVa - 1, kBlockVa + 1), at(kBlockVa)) << level;
    EXPECT_EQ(found(table, kBlockVa - size, kBlockVa), "nothing") << level;
    EXPECT_EQ(found(table, kBlockVa + kPageSize, kBlockVa + 2 * kPageSize), at(kBlockVa))
        << "in the middle of " << level;
    EXPECT_EQ(found(table, kBlockVa + (size - 1), end), at(kBlockVa)) << "at the end of " << level;
    EXPECT_EQ(found(table, kBlockVa + size, end), "nothing") << "behind " << level;
  }
}

TEST_P(PageTableFind, NothingInAnEmptyRange) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map_range(kVa, kPa, 3 * kPageSize, {})), "ok");
  EXPECT_EQ(found(table, kVa, kVa), "nothing");
  EXPECT_EQ(found(table, kVa + 0x800, kVa + 0x800), "nothing");
  EXPECT_EQ(found(table, kVa + 2 * kPageSize, kVa), "nothing") << "it ends before it starts";
}

// Two pages whose paths part at `level`: between them are an empty entry of that level and the rest of the tables
// below.
TEST_P(PageTableFind, GoesOnBehindHolesOfEachLevel) {
  const VirtAddr end = end_of_lower_half(hardware);
  for (unsigned level = 0; level < hardware.levels; ++level) {
    Table table = first_table(hardware);
    const VirtAddr next{2 * hardware.level_size(level)};
    ASSERT_EQ(outcome(table.map(VirtAddr{0}, kPa, {})), "ok");
    ASSERT_EQ(outcome(table.map(next, kPa + kPageSize, {})), "ok");
    EXPECT_EQ(found(table, VirtAddr{kPageSize}, end), at(next)) << level;
    EXPECT_EQ(found(table, next - 1, end), at(next)) << level;
    EXPECT_EQ(found(table, VirtAddr{kPageSize}, next), "nothing") << level;
    EXPECT_EQ(found(table, next + kPageSize, end), "nothing") << level;
  }
}

TEST_P(PageTableFind, AllPagesAndBlocksInTheirOrder) {
  const VirtAddr end = end_of_lower_half(hardware);
  const std::uint64_t block = hardware.level_size(1);
  Table table = first_table(hardware);
  const std::vector<VirtAddr> pages{VirtAddr{0},
                                    kVa,
                                    kVa + kPageSize,
                                    kVa + 3 * kPageSize,
                                    kBlockVa - kPageSize,
                                    kBlockVa + block,
                                    kBlockVa + 3 * block + 5 * kPageSize};
  for (const VirtAddr page : pages) ASSERT_EQ(outcome(table.map(page, kPa, {})), "ok");
  ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, 1)), "ok");
  std::vector<VirtAddr> expected = pages;
  expected.insert(expected.begin() + 5, kBlockVa);
  EXPECT_EQ(all_found(table, VirtAddr{0}, end), expected);
  EXPECT_EQ(all_found(table, kVa + 1, kBlockVa + 1), (std::vector(expected.begin() + 1, expected.begin() + 6)));
}

TEST_P(PageTableFind, TheEdgesOfBothHalves) {
  Table table = first_table(hardware);
  map_edges(table);
  const auto& edges = hardware.edges;
  EXPECT_EQ(all_found(table, VirtAddr{0}, kLastAddress), std::vector<VirtAddr>(edges.begin(), edges.end()));
  EXPECT_EQ(found(table, edges[3], kLastAddress), at(edges[3]));
  EXPECT_EQ(found(table, edges[3], edges[3] + 1), at(edges[3]));
  EXPECT_EQ(found(table, edges[0] + kPageSize, edges[1]), "nothing");
}

// Their indices are those of pages that are mapped.
TEST_P(PageTableFind, NothingWhereAddressesDoNotTranslate) {
  Table table = first_table(hardware);
  map_edges(table);
  for (const VirtAddr va : hardware.untranslatable) EXPECT_EQ(found(table, va, va + 0xfff), "nothing") << at(va);
  EXPECT_EQ(found(table, hardware.untranslatable[0], hardware.untranslatable[1]), "nothing");
}

// Pages and blocks by chance, and in them ranges by chance.
TEST_P(PageTableFind, AgreesWithTheModel) {
  for (unsigned round = 0; round < 20; ++round) {
    Chance chance(hardware, round);
    const VirtAddr half = hardware.edges[round % 2 == 0 ? 0 : 2];
    Table table = first_table(hardware);
    PageTableModel model(hardware);
    for (unsigned leaf = 0; leaf < 12; ++leaf) {
      const auto level = static_cast<unsigned>(chance.below(hardware.largest_leaf + 1));
      const VirtAddr va{round_down(chance.page(half).raw(), hardware.level_size(level))};
      const PhysAddr pa = chance.physical(hardware.level_size(level));
      const auto expected = outcome(model.map(va, pa, hardware.honoured({}), level));
      ASSERT_EQ(outcome(table.map(va, pa, {}, level)), expected);
    }
    for (unsigned range = 0; range < 60; ++range) {
      const VirtAddr start = chance.page(half) + chance.below(kPageSize);
      const VirtAddr end = chance.page(half) + chance.below(kPageSize);
      auto next = model.find(start);
      if (next == model.end()) next = model.leaves().upper_bound(start);
      const bool is_there = start < end && next != model.end() && next->first < end;
      EXPECT_EQ(found(table, start, end), is_there ? at(next->first) : "nothing")
          << "from " << at(start) << " to " << at(end) << " in round " << round;
    }
    if (HasFailure()) return;
  }
}

}  // namespace
