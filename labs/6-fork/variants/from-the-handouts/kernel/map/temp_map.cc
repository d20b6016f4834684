// Lab 4. Temporary mappings. You own this file.
#include "kernel/map/temp_map.h"

#include <bit>

#include "kernel/sync/guarded.h"

namespace {

using Tables = WindowTables<Arch::Paging::Entry>;

// Bit i of `used` is set while slot i is in use. Slots take turns, so that one rests as long as it can before it is
// used again.
struct Slots {
  std::uint64_t used = 0;
  unsigned turn = 0;
};
static_assert(layout::kTempSlots == 64);
constinit Guarded<Slots> g_slots;

Result<unsigned> take_slot() {
  auto slots = g_slots.lock();
  const auto distance = static_cast<unsigned>(std::countr_one(std::rotr(slots->used, static_cast<int>(slots->turn))));
  if (distance >= layout::kTempSlots) return std::unexpected(Error::kNoSlot);
  const unsigned slot = (slots->turn + distance) % layout::kTempSlots;
  slots->used |= std::uint64_t{1} << slot;
  slots->turn = (slot + 1) % layout::kTempSlots;
  return slot;
}

}  // namespace

Result<TempMap> TempMap::open(Frame frame) {
  const unsigned slot = TRY(take_slot());
  Tables{}.write(temp_window_table(), slot, Arch::Paging::leaf(0, frame.start(), {.write = true, .global = true}));
  return TempMap(slot);
}

void TempMap::close() {
  Tables{}.write(temp_window_table(), slot_, 0);
  Arch::flush_page(address());
  g_slots.lock()->used &= ~(std::uint64_t{1} << slot_);
}
