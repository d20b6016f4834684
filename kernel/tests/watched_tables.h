// Tables under watch: the hardware's walker may read them at any moment, so after every single write the whole tree is
// walked from the root and must be sound.
#pragma once

#include "kernel/tests/page_table_test.h"

// What the watcher has seen. It outlives the PageTable that it watches.
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

// The kernel's table memory, with a Watch that looks after each write.
template <typename Entry>
class WatchedTables {
 public:
  explicit WatchedTables(Watch& watch) : watch_(&watch) {}

  Entry read(PhysAddr table, unsigned index) const { return tables_.read(table, index); }

  void write(PhysAddr table, unsigned index, Entry entry) const {
    tables_.write(table, index, entry);
    watch_->look();
  }

  Result<OwnedFrame> allocate() const { return tables_.allocate(); }

 private:
  WindowTables<Entry> tables_;
  Watch* watch_;
};

template <typename F>
using WatchedTable = PageTable<F, WatchedTables<typename F::Entry>>;
