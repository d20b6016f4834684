// Lab 4. Temporary mappings. You own this file.
#include "kernel/map/temp_map.h"

#include <bit>

#include "kernel/base/todo.h"
#include "kernel/sync/guarded.h"

namespace {

using Tables = WindowTables<Arch::Paging::Entry>;

// Bit i is set while slot i is in use.
static_assert(layout::kTempSlots == 64);
constinit Guarded<std::uint64_t> g_used;

}  // namespace

Result<TempMap> TempMap::open(Frame frame) {
  // @lab 4 begin: open
  //: Find a slot that is free, and mark it as used. Its entry in temp_window_table() is empty: write the leaf there. The
  //: kernel reads and writes through it; nobody executes, and no user may come near. It is global, as all of the kernel's.
  auto used = g_used.lock();
  const auto slot = static_cast<unsigned>(std::countr_one(*used));
  if (slot == layout::kTempSlots) return std::unexpected(Error::kNoSlot);
  *used |= std::uint64_t{1} << slot;
  Tables().write(temp_window_table(), slot, Arch::Paging::leaf(0, frame.start(), {.write = true, .global = true}));
  return TempMap(slot);
  // @lab 4 end
}

void TempMap::close() {
  // @lab 4 begin: close
  //: Clear the entry, make the CPU forget it, and only then let others have the slot.
  Tables().clear(temp_window_table(), slot_, address()).flush();
  *g_used.lock() &= ~(std::uint64_t{1} << slot_);
  // @lab 4 end
}
