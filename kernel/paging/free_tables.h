// Gives back the tables of a tree that nobody walks any more.
#pragma once

#include "kernel/frames/frame.h"
#include "kernel/paging/paging_format.h"
#include "kernel/paging/table_memory.h"

// Frees the tables that `entry`, found in a table of `level`, leads to. Pages and blocks stay: whoever made the mapping
// knows whose they are. No CPU may remember the entry.
template <PagingFormat F>
void free_tables(typename F::Entry entry, unsigned level) {
  const Decoded decoded = F::decode(level, entry);
  if (decoded.kind != EntryKind::kTable) return;
  const OwnedFrame table = OwnedFrame::adopt(Frame::containing(decoded.address));
  const WindowTables<typename F::Entry> memory;
  for (unsigned i = 0; i < kEntriesPerTable<F>; ++i) free_tables<F>(memory.read(table.address(), i), level - 1);
}
