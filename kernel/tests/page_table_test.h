// What the tests of the page-table engine share: each runs once for each format, and believes no lookup() with which
// the hardware does not agree.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kernel/frames/frame.h"
#include "kernel/tests/hardware.h"
#include "kernel/tests/machine_test.h"
#include "kernel/tests/table.h"

// Addresses that every format translates. A block of any level, in any format, may begin at kBlockVa and kBlockPa.
inline constexpr VirtAddr kVa{0x1234'5000};
inline constexpr PhysAddr kPa{0x5678'9000};
inline constexpr VirtAddr kBlockVa{0xc000'0000};
inline constexpr PhysAddr kBlockPa{0x8000'0000};

// An empty root: the only frame in use of a machine just switched on.
inline PhysAddr first_root() {
  switch_on();
  return OwnedFrame::allocate_zeroed().value().release().start();
}

inline Table first_table(const Hardware& hardware) {
  return Table(hardware, first_root());
}

// A test that runs for each format: INSTANTIATE_TEST_SUITE_P(, Name, kAllFormats, kByName).
class PageTableTest : public testing::TestWithParam<Format> {
 protected:
  const Hardware& hardware = hardware_of(GetParam());
};
inline const auto kAllFormats = testing::Values(Format::kX86_64, Format::kAarch64, Format::kRiscv64, Format::kI386);
inline const testing::PrintToStringParamName kByName;

// Maps pages at the edges of both halves. Their indices are those of the untranslatable addresses: whoever looks at
// the indices alone takes these for mapped. (On Arm both halves have the same edges here, for want of a second root.)
inline void map_edges(Table& table) {
  for (const VirtAddr edge : table.hardware().edges) {
    if (table.lookup(edge)) continue;
    EXPECT_EQ(outcome(table.map(edge, kPa, {})), "ok");
  }
}

// What lookup() says, after comparing it with what the hardware makes of `va`.
inline std::optional<Translation> look_up(const Table& table, VirtAddr va) {
  const std::optional<Translation> seen = translate(table.hardware(), table.root(), va), found = table.lookup(va);
  EXPECT_EQ(found, seen) << "lookup() of " << testing::PrintToString(va) << " differs from the hardware's walk";
  return found;
}

// The same for many addresses.
inline std::vector<std::optional<Translation>> look_up_all(const Table& table, const std::vector<VirtAddr>& places) {
  const auto found = table.lookup_all(places);
  for (std::size_t each = 0; each < places.size(); ++each) {
    EXPECT_EQ(found[each], translate(table.hardware(), table.root(), places[each]))
        << "lookup() of " << testing::PrintToString(places[each]) << " differs from the hardware's walk";
  }
  return found;
}

inline Tree tree_of(const Table& table) {
  return tree_of(table.hardware(), table.root());
}

// The sizes of all pages and blocks, by address.
inline std::vector<std::uint64_t> leaf_sizes(const Table& table) {
  std::vector<std::uint64_t> sizes;
  for (const Leaf& leaf : tree_of(table).leaves) sizes.push_back(leaf.size);
  return sizes;
}

// All that an operation could change: the tables byte by byte, and the frames.
struct Snapshot {
  Tree tree;
  std::uint64_t frames_used;

  bool operator==(const Snapshot&) const = default;
};

inline Snapshot snapshot(const Table& table) {
  return {tree_of(table), frame_counts().used};
}

// All frames in use are tables that the hardware can reach, and each entry is one that the manual permits.
inline void expect_sound(const Table& table) {
  const Snapshot now = snapshot(table);
  EXPECT_EQ(now.tree.broken, std::vector<std::string>{});
  EXPECT_EQ(now.frames_used, now.tree.tables.size()) << "a frame in use is no table, or a table no frame in use";
}

// How failed tests print these.
inline void PrintTo(Format format, std::ostream* out) {
  *out << hardware_of(format).name;
}

inline void PrintTo(const Translation& translation, std::ostream* out) {
  *out << testing::PrintToString(translation.address) << " size 0x" << std::hex << translation.size << std::dec << " "
       << testing::PrintToString(translation.flags);
}

inline void PrintTo(const Snapshot& snapshot, std::ostream* out) {
  *out << snapshot.tree.tables.size() << " tables, " << snapshot.tree.leaves.size() << " leaves, "
       << snapshot.frames_used << " frames used";
}
