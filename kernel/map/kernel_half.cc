#include "kernel/map/kernel_half.h"

#include "kernel/base/check.h"
#include "kernel/frames/frame.h"

namespace {

using Format = Arch::Paging;
constexpr WindowTables<Format::Entry> kMemory;

constinit PhysAddr g_root;

// The entry of `table`, which is of that level, for `va`.
inline Decoded entry_of(PhysAddr table, unsigned level, VirtAddr va) {
  return Format::decode(level, kMemory.read(table, table_index<Format>(va, level)));
}

// Where that entry leads. It must be a table.
PhysAddr next_table(PhysAddr table, unsigned level, VirtAddr va) {
  const Decoded entry = entry_of(table, level, va);
  CHECK(entry.kind == EntryKind::kTable, va.raw(), level);
  return entry.address;
}

// The table of pages that holds the entry of `va`.
PhysAddr page_table_of(VirtAddr va) {
  PhysAddr table = g_root;
  for (unsigned level = Format::kLevels - 1; level > 0; --level) table = next_table(table, level, va);
  return table;
}

// The same, and makes the tables on the way that are missing.
PhysAddr make_page_table(VirtAddr va) {
  PhysAddr table = g_root;
  for (unsigned level = Format::kLevels - 1; level > 0; --level) {
    if (entry_of(table, level, va).kind == EntryKind::kEmpty) {
      auto made = OwnedFrame::allocate_zeroed();
      CHECK(made.has_value(), va.raw());
      kMemory.write(table, table_index<Format>(va, level), Format::table(made->release().start()));
    }
    table = next_table(table, level, va);
  }
  return table;
}

}  // namespace

constinit PhysAddr g_temp_window_table;

void prepare_kernel_half() {
  g_root = Arch::active_root(VirtAddr{layout::kKernelOffset});
  for (unsigned slot = 0; slot < layout::kMaxProcesses; ++slot) {
    make_page_table(layout::kKernelStacks + slot * layout::kKernelStackSlot);
  }
  g_temp_window_table = make_page_table(layout::kTempWindow);
}

PhysAddr kernel_root() {
  return g_root;
}

void map_kernel_page(Page page, Frame frame, PageFlags flags) {
  const PhysAddr table = page_table_of(page.start());
  CHECK(entry_of(table, 0, page.start()).kind == EntryKind::kEmpty, page.start().raw());
  kMemory.write(table, table_index<Format>(page.start(), 0), Format::leaf(0, frame.start(), flags));
}

StaleTlb unmap_kernel_page(Page page) {
  const PhysAddr table = page_table_of(page.start());
  CHECK(entry_of(table, 0, page.start()).kind == EntryKind::kLeaf, page.start().raw());
  return kMemory.clear(table, table_index<Format>(page.start(), 0), page.start());
}
