#include "kernel/map/kernel_half.h"

#include "kernel/base/check.h"
#include "kernel/frames/frame.h"

namespace {

using Format = Arch::Paging;
constexpr WindowTables<Format::Entry> kMemory;

constinit PhysAddr g_root;

// Where the entry of `table` for `va` leads. It must be a table.
PhysAddr next_table(PhysAddr table, unsigned level, VirtAddr va) {
  const Decoded entry = Format::decode(level, kMemory.read(table, table_index<Format>(va, level)));
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
    const unsigned index = table_index<Format>(va, level);
    if (kMemory.read(table, index) == 0) {
      auto made = OwnedFrame::allocate_zeroed();
      CHECK(made.has_value(), va.raw());
      kMemory.write(table, index, Format::table(made->release().start()));
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
  const unsigned index = table_index<Format>(page.start(), 0);
  CHECK(kMemory.read(table, index) == 0, page.start().raw());
  kMemory.write(table, index, Format::leaf(0, frame.start(), flags));
}

void unmap_kernel_page(Page page) {
  const PhysAddr table = page_table_of(page.start());
  const unsigned index = table_index<Format>(page.start(), 0);
  CHECK(kMemory.read(table, index) != 0, page.start().raw());
  kMemory.write(table, index, 0);
  Arch::flush_page(page.start());
}
