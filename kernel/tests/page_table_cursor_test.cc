// A cursor: it comes to all pages and blocks of a range, whatever holes there are, and may change them or take them
// away.
#include "kernel/tests/page_table_model.h"

namespace {

constexpr VirtAddr kLastAddress{~std::uint64_t{0}};

// (On Arm the upper half shows the same pages once more, for want of a second root.)
VirtAddr end_of_lower_half(const Hardware& hardware) {
  return hardware.untranslatable[0];
}

// Where all leaves in a range begin, in the order in which the cursor comes to them. What it says of each must be what
// lookup() says of its start.
std::vector<VirtAddr> all_found(Table& table, VirtAddr start, VirtAddr end) {
  std::vector<VirtAddr> all;
  table.go_over(start, end, [&](const Table::Found& leaf) -> Table::Deed {
    EXPECT_EQ(leaf.translation, look_up(table, leaf.start));
    all.push_back(leaf.start);
    return {all.size() < 1000 ? Table::Deed::kNothing : Table::Deed::kStop};
  });
  return all;
}

// Where the first of them begins, or "nothing".
std::string found(Table& table, VirtAddr start, VirtAddr end) {
  const std::vector<VirtAddr> all = all_found(table, start, end);
  return all.empty() ? "nothing" : testing::PrintToString(all.front());
}

std::string at(VirtAddr va) {
  return testing::PrintToString(va);
}

using PageTableCursor = PageTableTest;
INSTANTIATE_TEST_SUITE_P(, PageTableCursor, kAllFormats, kByName);

// One entry after the other of an empty root, and not one page after the other: that would take years.
TEST_P(PageTableCursor, NothingInAnEmptyTree) {
  Table table = first_table(hardware);
  EXPECT_EQ(found(table, VirtAddr{0}, hardware.edges[1]), "nothing");
  EXPECT_EQ(found(table, VirtAddr{0}, kLastAddress), "nothing");
  EXPECT_EQ(found(table, hardware.edges[3], kLastAddress), "nothing");
}

TEST_P(PageTableCursor, APageFromItsFirstByteToItsLast) {
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

TEST_P(PageTableCursor, ABlockFromItsFirstByteToItsLast) {
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
    EXPECT_EQ(found(table, kBlockVa + size, end), "nothing") << "after " << level;
  }
}

TEST_P(PageTableCursor, NothingInAnEmptyRange) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map_range(kVa, kPa, 3 * kPageSize, {})), "ok");
  EXPECT_EQ(found(table, kVa, kVa), "nothing");
  EXPECT_EQ(found(table, kVa + 0x800, kVa + 0x800), "nothing");
  EXPECT_EQ(found(table, kVa + 2 * kPageSize, kVa), "nothing") << "it ends before it starts";
}

// Two pages whose paths part at `level`: between them are an empty entry of that level and the rest of the tables
// below.
TEST_P(PageTableCursor, GoesOnAfterHolesOfEachLevel) {
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

TEST_P(PageTableCursor, AllPagesAndBlocksInTheirOrder) {
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

TEST_P(PageTableCursor, TheEdgesOfBothHalves) {
  Table table = first_table(hardware);
  map_edges(table);
  const auto& edges = hardware.edges;
  EXPECT_EQ(all_found(table, VirtAddr{0}, kLastAddress), std::vector<VirtAddr>(edges.begin(), edges.end()));
  EXPECT_EQ(found(table, edges[3], kLastAddress), at(edges[3]));
  EXPECT_EQ(found(table, edges[3], edges[3] + 1), at(edges[3]));
  EXPECT_EQ(found(table, edges[0] + kPageSize, edges[1]), "nothing");
}

// Their indices are those of pages that are mapped.
TEST_P(PageTableCursor, NothingWhereAddressesDoNotTranslate) {
  Table table = first_table(hardware);
  map_edges(table);
  for (const VirtAddr va : hardware.untranslatable) EXPECT_EQ(found(table, va, va + 0xfff), "nothing") << at(va);
  EXPECT_EQ(found(table, hardware.untranslatable[0], hardware.untranslatable[1]), "nothing");
}

// Pages and blocks by chance, and in them ranges by chance.
TEST_P(PageTableCursor, AgreesWithTheModel) {
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

constexpr Table::Deed kTakeAway{Table::Deed::kUnmap};

TEST_P(PageTableCursor, GivesOtherFlagsAndFlushes) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map_range(kVa, kPa, 3 * kPageSize, {})), "ok");
  const PageFlags flags{.write = true, .user = true};
  table.go_over(kVa + kPageSize, kVa + 2 * kPageSize, [&](const Table::Found&) -> Table::Deed {
    return {Table::Deed::kProtect, flags};
  });
  for (unsigned page = 0; page < 3; ++page) {
    const Translation expected{kPa + page * kPageSize, kPageSize, hardware.honoured(page == 1 ? flags : PageFlags{})};
    EXPECT_EQ(look_up(table, kVa + page * kPageSize), expected) << page;
  }
  EXPECT_EQ(host_cpu().flushed, std::vector{kVa + kPageSize});
  expect_sound(table);
}

// Two pages whose paths part at `level`, one of which goes: the tables below that level go with it, and no other.
TEST_P(PageTableCursor, GivesEmptyTablesBackAndKeepsThoseInUse) {
  for (unsigned level = 0; level < hardware.levels; ++level) {
    Table table = first_table(hardware);
    const Snapshot empty = snapshot(table);
    ASSERT_EQ(outcome(table.map(VirtAddr{0}, kPa, {})), "ok");
    const Snapshot one = snapshot(table);
    const VirtAddr other{hardware.level_size(level)};
    ASSERT_EQ(outcome(table.map(other, kPa, {})), "ok");
    table.go_over(VirtAddr{kPageSize}, end_of_lower_half(hardware), [&](const Table::Found& leaf) {
      EXPECT_EQ(at(leaf.start), at(other));
      return kTakeAway;
    });
    EXPECT_EQ(snapshot(table), one) << level;
    ASSERT_EQ(outcome(table.map(other, kPa, {})), "ok");
    table.go_over(VirtAddr{0}, end_of_lower_half(hardware), [](const Table::Found&) { return kTakeAway; });
    EXPECT_EQ(snapshot(table), empty) << level;
  }
}

TEST_P(PageTableCursor, TakesBlocksAway) {
  for (unsigned level = 1; level <= hardware.largest_leaf; ++level) {
    Table table = first_table(hardware);
    const Snapshot before = snapshot(table);
    ASSERT_EQ(outcome(table.map(kBlockVa, kBlockPa, {}, level)), "ok");
    table.go_over(kBlockVa + kPageSize, kBlockVa + 2 * kPageSize, [](const Table::Found&) { return kTakeAway; });
    EXPECT_EQ(snapshot(table), before) << level;
  }
}

// Whoever stops on the way leaves nothing behind, either.
TEST_P(PageTableCursor, GivesTablesBackThoughItIsNotMovedToTheEnd) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map(kBlockVa, kPa, {})), "ok");
  const Snapshot before = snapshot(table);
  ASSERT_EQ(outcome(table.map(VirtAddr{0}, kPa, {})), "ok");
  table.go_over(VirtAddr{0}, end_of_lower_half(hardware), [](const Table::Found& leaf) -> Table::Deed {
    return {leaf.start == VirtAddr{0} ? Table::Deed::kUnmap : Table::Deed::kStop};
  });
  EXPECT_EQ(snapshot(table), before);
}

TEST_P(PageTableCursor, FlushesBeforeATableIsGivenBack) {
  Table table = first_table(hardware);
  ASSERT_EQ(outcome(table.map(kVa, kPa, {})), "ok");
  std::vector<std::uint64_t> used_at_flush;
  host_cpu().on_flush = [&](VirtAddr) { used_at_flush.push_back(frame_counts().used); };
  table.go_over(kVa, kVa + kPageSize, [](const Table::Found&) { return kTakeAway; });
  const std::uint64_t all = hardware.levels;
  std::vector<std::uint64_t> expected{all};  // for the page; then for each table that was cut out, before it is free
  for (unsigned cut = 0; cut + 1 < hardware.levels; ++cut) expected.push_back(all - cut);
  EXPECT_EQ(used_at_flush, expected);
}

// Pages and blocks by chance; in a range by chance some are taken away, some changed.
TEST_P(PageTableCursor, LeavesWhatTheModelHas) {
  for (unsigned round = 0; round < 20; ++round) {
    Chance chance(hardware, round);
    const VirtAddr half = hardware.edges[round % 2 == 0 ? 0 : 2];
    const VirtAddr last = half + (chance.half_size() - 1);
    Table table = first_table(hardware);
    const Snapshot before = snapshot(table);
    PageTableModel model(hardware);
    for (unsigned leaf = 0; leaf < 40; ++leaf) {
      const VirtAddr va = chance.page(half);
      const PhysAddr pa = chance.physical(kPageSize);
      const auto expected = outcome(model.map(va, pa, hardware.honoured({}), 0));
      ASSERT_EQ(outcome(table.map(va, pa, {})), expected);
    }
    for (unsigned range = 0; range < 6; ++range) {
      const VirtAddr start = chance.page(half);
      const VirtAddr end = chance.page(half);
      const PageFlags flags = hardware.honoured({.write = true});
      table.go_over(start, end, [&](const Table::Found& leaf) -> Table::Deed {
        switch (chance.below(3)) {
          case 0: model.unmap(leaf.start); return kTakeAway;
          case 1: model.protect(leaf.start, flags); return {Table::Deed::kProtect, flags};
          default: return {};
        }
      });
      std::vector<VirtAddr> left;
      for (const auto& [va, translation] : model.leaves()) {
        EXPECT_EQ(look_up(table, va), translation) << at(va) << " in round " << round;
        left.push_back(va);
      }
      EXPECT_EQ(all_found(table, half, last), left) << "in round " << round;
      expect_sound(table);
      if (HasFailure()) return;
    }
    table.go_over(half, last, [](const Table::Found&) { return kTakeAway; });
    EXPECT_EQ(snapshot(table), before) << "in round " << round;
  }
}

}  // namespace
