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

constexpr std::uint64_t bit_of(unsigned slot) {
  return std::uint64_t{1} << slot;
}

// The highest slot that is free, taken for the caller; kTempSlots if there is none.
unsigned take_slot() {
  auto used = g_used.lock();
  const unsigned in_use = std::countl_one(*used);
  if (in_use == layout::kTempSlots) return layout::kTempSlots;
  const unsigned slot = layout::kTempSlots - 1 - in_use;
  *used |= bit_of(slot);
  return slot;
}

}  // namespace

Result<TempMap> TempMap::open(Frame frame) {
  const unsigned slot = take_slot();
  if (slot == layout::kTempSlots) return std::unexpected(Error::kNoSlot);
  constexpr PageFlags kFlags{.write = true, .global = true};
  Tables().write(temp_window_table(), slot, Arch::Paging::leaf(0, frame.start(), kFlags));
  return TempMap(slot);
}

void TempMap::close() {
  Tables().write(temp_window_table(), slot_, 0);
  Arch::flush_page(address());
  *g_used.lock() &= ~bit_of(slot_);
}
