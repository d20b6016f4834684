// The tables of the tests: those of the kernel, but an access to a frame that is no table is noticed at once, and a
// Watch may look at the whole tree after each write.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/base/check.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/table_memory.h"
#include "kernel/tests/hardware.h"

// The hardware's walker, which may read the tables at any moment: they must be sound after every single write.
struct Watch {
  const Hardware& hardware;
  PhysAddr root;
  std::vector<Leaf> leaves = {};  // what the hardware could reach after the last write
  unsigned changes = 0;           // how many writes have changed that

  void look() {
    const Tree tree = tree_of(hardware, root);
    EXPECT_EQ(tree.broken, std::vector<std::string>{}) << "the walker met an entry that means nothing";
    for (const auto& [table, bytes] : tree.tables) {
      EXPECT_EQ(frames().lock()->shares(Frame::containing(table)), 1u) << "a table in a frame that is free";
    }
    if (tree.leaves == leaves) return;
    ++changes;
    leaves = tree.leaves;
  }
};

template <typename Entry>
class TestTables {
 public:
  TestTables() = default;
  // `watch` must outlive this object and its copies.
  explicit TestTables(Watch& watch) : watch_(&watch) {}

  Entry read(PhysAddr table, unsigned index) const {
    check(table, index);
    return tables_.read(table, index);
  }

  void write(PhysAddr table, unsigned index, Entry entry) const {
    check(table, index);
    tables_.write(table, index, entry);
    if (watch_ != nullptr) watch_->look();
  }

  Result<OwnedFrame> allocate() const { return tables_.allocate(); }

 private:
  static void check(PhysAddr table, unsigned index) {
    CHECK(table.is_aligned(kPageSize) && index < kPageSize / sizeof(Entry));
    const bool table_is_in_use = frames().lock()->shares(Frame::containing(table)) > 0;
    CHECK(table_is_in_use);
  }

  WindowTables<Entry> tables_;
  Watch* watch_ = nullptr;
};
