// How the page-table engine reaches its tables. The kernel keeps them in the window; tests put a model in between.
#pragma once

#include <concepts>
#include <cstdint>

#include "arch/arch.h"
#include "kernel/base/layout.h"
#include "kernel/frames/frame.h"
#include "kernel/paging/stale_tlb.h"

template <typename M, typename Entry>
concept TableMemory = requires(const M memory, PhysAddr table, unsigned index, Entry entry, VirtAddr va) {
  { memory.read(table, index) } -> std::same_as<Entry>;
  // One store, seen by the hardware's walker before anything that follows it in the program.
  { memory.write(table, index, entry) } -> std::same_as<void>;
  // A cleared table, also for the hardware's walker.
  { memory.allocate() } -> std::same_as<Result<OwnedFrame>>;
  // From here on the hardware's walker uses nothing that it remembers of the way to `va`.
  { memory.forget(va) } -> std::same_as<void>;
};

// Tables in frames of the window.
template <typename Entry>
class WindowTables {
 public:
  Entry read(PhysAddr table, unsigned index) const { return *entry_at(table, index); }

  void write(PhysAddr table, unsigned index, Entry entry) const {
    *entry_at(table, index) = entry;
    Arch::table_written();
  }

  // Clears the entry that maps `va`.
  [[nodiscard]] StaleTlb clear(PhysAddr table, unsigned index, VirtAddr va) const {
    write(table, index, 0);
    return StaleTlb(va);
  }

  Result<OwnedFrame> allocate() const { return OwnedFrame::allocate_zeroed(); }

  void forget(VirtAddr va) const { Arch::flush_page(va); }

 private:
  // Volatile: the hardware's walker reads, and may write, behind the compiler's back.
  static volatile Entry* entry_at(PhysAddr table, unsigned index) {
    return static_cast<volatile Entry*>(pointer_to(table)) + index;
  }
};
