// Lab 6. The copy of an address space. You own this file.
#include "kernel/space/clone.h"

#include <cstring>

#include "arch/user_mode.h"
#include "kernel/map/temp_map.h"
#include "kernel/paging/page_table_cursor.h"
#include "kernel/space/memory_map.h"

namespace {

// A frame with the bytes of a page.
Result<OwnedFrame> copy_of(const Mapping& page) {
  OwnedFrame copy = TRY(OwnedFrame::allocate(Zone::kBeyond));  // not cleared: all of it is written
  const TempMap to = TRY(TempMap::open(copy.frame()));
  const TempMap from = TRY(TempMap::open(Frame::containing(page.address)));
  std::memcpy(to.bytes().data(), from.bytes().data(), kPageSize);
  if (page.flags.execute) UserMode::code_written(to.address(), kPageSize);
  return copy;
}

}  // namespace

Result<Clone> clone_address_space(const AddressSpace& parent) {
  Clone clone{TRY(AddressSpace::create_with_map()), 0};
  clone.space.memory() = parent.memory();
  const auto areas = parent.memory().areas.all();
  for (auto area = areas.rbegin(); area != areas.rend(); ++area) {
    KernelTable::Cursor cursor(KernelTable(parent.root()), area->start, area->end);
    for (; cursor.next(); ++clone.pages) {
      const Mapping page = cursor.mapping();
      TRY(clone.space.map(Page::containing(cursor.start()), TRY(copy_of(page)), page.flags));
    }
  }
  return clone;
}
