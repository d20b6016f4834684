// The tables of the tests: those of the kernel, but an access to a frame that is no table is noticed at once, and a
// Watch may look at the whole tree after each write.
#pragma once

#include "kernel/base/check.h"
#include "kernel/frames/frame.h"
#include "kernel/paging/table_memory.h"
#include "kernel/tests/hardware.h"

template <typename Entry>
class TestTables {
 public:
  TestTables() = default;
  // `watch`, which may be null, must outlive this object and its copies.
  explicit TestTables(Watch* watch) : watch_(watch) {}

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

  void forget(VirtAddr va) const { tables_.forget(va); }

 private:
  static void check(PhysAddr table, unsigned index) {
    CHECK(table.is_aligned(kPageSize) && index < kPageSize / sizeof(Entry));
    const bool table_is_in_use = owners_of(table) > 0;
    CHECK(table_is_in_use);
  }

  WindowTables<Entry> tables_;
  Watch* watch_ = nullptr;
};
