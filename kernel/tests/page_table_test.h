// What the tests of the page-table engine share: they run over all four formats, and believe no lookup() with which
// the hardware does not agree.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "kernel/mm/frame.h"
#include "kernel/mm/page_table_map.h"
// @from 3
#include "kernel/mm/page_table_unmap.h"
// @end
// @from 5
#include "kernel/mm/page_table_find.h"
// @end
// @from 6
#include "kernel/mm/page_table_copy.h"
// @end
#include "kernel/tests/hardware.h"
#include "kernel/tests/machine_test.h"
#include "kernel/tests/test_tables.h"

template <typename F>
using Table = PageTable<F, TestTables<typename F::Entry>>;

using Formats = testing::Types<X86_64Paging, Aarch64Paging, Sv39Paging, I386Paging>;

struct FormatName {
  template <typename F>
  static std::string GetName(int) {
    return hardware_of<F>().name;
  }
};

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

template <typename F>
Table<F> first_table() {
  return Table<F>(first_root());
}

// The same under watch.
template <typename F>
Table<F> watched_table(Watch& watch) {
  return Table<F>(watch.root, TestTables<typename F::Entry>(watch));
}

// Maps pages at the edges of both halves. Their indices are those of the untranslatable addresses: whoever looks at
// the indices alone takes these for mapped. (On Arm both halves have the same edges here, for want of a second root.)
template <typename F>
void map_edges(Table<F>& table) {
  for (const VirtAddr edge : hardware_of<F>().edges) {
    if (table.lookup(edge)) continue;
    EXPECT_EQ(outcome(table.map(edge, kPa, {})), "ok");
  }
}

// What lookup() says, after comparing it with what the hardware makes of `va`.
template <typename F>
std::optional<Translation> look_up(const Table<F>& table, VirtAddr va) {
  const auto seen = translate(hardware_of<F>(), table.root(), va);
  const std::optional<Mapping> mapping = table.lookup(va);
  std::optional<Translation> found;
  if (mapping) found = Translation{mapping->address, mapping->size, mapping->flags};
  EXPECT_EQ(found, seen) << "lookup() of " << testing::PrintToString(va) << " differs from the hardware's walk";
  return found;
}

template <typename F>
Tree tree_of(const Table<F>& table) {
  return tree_of(hardware_of<F>(), table.root());
}

// The sizes of all pages and blocks, by address.
template <typename F>
std::vector<std::uint64_t> leaf_sizes(const Table<F>& table) {
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

template <typename F>
Snapshot snapshot(const Table<F>& table) {
  return {tree_of(table), frame_counts().used};
}

// All frames in use are tables that the hardware can reach, and each entry is one that the manual permits.
template <typename F>
void expect_sound(const Table<F>& table) {
  const Snapshot now = snapshot(table);
  EXPECT_EQ(now.tree.broken, std::vector<std::string>{});
  EXPECT_EQ(now.frames_used, now.tree.tables.size()) << "a frame in use is no table, or a table no frame in use";
}

// How failed tests print these.
inline void PrintTo(const Translation& translation, std::ostream* out) {
  *out << testing::PrintToString(translation.address) << " size 0x" << std::hex << translation.size << std::dec << " "
       << testing::PrintToString(translation.flags);
}

inline void PrintTo(const Snapshot& snapshot, std::ostream* out) {
  *out << snapshot.tree.tables.size() << " tables, " << snapshot.tree.leaves.size() << " leaves, "
       << snapshot.frames_used << " frames used";
}
