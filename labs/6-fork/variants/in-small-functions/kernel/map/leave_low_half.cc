// Lab 2. The end of the identity map, for all ISAs. You own this file.
#include <algorithm>
#include <array>

#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/todo.h"
#include "kernel/paging/free_tables.h"

namespace {

using Format = Arch::Paging;
using Tables = WindowTables<Format::Entry>;

constexpr unsigned kRootLevel = Format::kLevels - 1;

// Takes all entries of the lower half out of `root`, and returns what they were.
std::array<Format::Entry, layout::kUserSlots> take_low_entries(PhysAddr root) {
  const Tables tables;
  std::array<Format::Entry, layout::kUserSlots> entries;
  std::ranges::generate(entries, [&, slot = 0u]() mutable { return tables.read(root, slot++); });
  for (unsigned slot = 0; slot < entries.size(); ++slot) {
    if (entries[slot] != 0) tables.write(root, slot, 0);
  }
  return entries;
}

}  // namespace

void leave_low_half() {
  Arch::install_traps();
  const auto entries = take_low_entries(Arch::active_root(VirtAddr{}));
  Arch::flush_all();
  std::ranges::for_each(entries, [](Format::Entry entry) { free_tables<Format>(entry, kRootLevel); });
}
