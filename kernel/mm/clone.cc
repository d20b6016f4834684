// Lab 6. The copy of an address space. You own this file.
#include "kernel/mm/clone.h"

#include <cstring>

#include "arch/user_mode.h"
#include "kernel/base/todo.h"
#include "kernel/mm/memory_map.h"
#include "kernel/mm/temp_map.h"

namespace {

// A frame with the bytes that the page of `mapping` holds.
Result<OwnedFrame> copy_of(const Mapping& mapping) {
  // @lab 6 begin: copy_of
  //: User pages come from beyond the linear window, so both are reached through windows of their own. What may be
  //: executed must be seen by instruction fetches: UserMode::code_written().
  OwnedFrame copy = TRY(OwnedFrame::allocate(Zone::kBeyond));
  const TempMap to = TRY(TempMap::open(copy.frame()));
  const TempMap from = TRY(TempMap::open(Frame::containing(mapping.address)));
  std::memcpy(to.bytes().data(), from.bytes().data(), kPageSize);
  if (mapping.flags.execute) UserMode::code_written(to.address(), kPageSize);
  return copy;
  // @lab 6 end
}

}  // namespace

Result<Clone> clone_address_space(const AddressSpace& parent) {
  // @lab 6 begin: clone_address_space
  //: A space with a map of its own; the map is plain data, and is copied as it is. Then area by area: find() the pages
  //: that are there, and map a copy of each with the same flags. Whatever fails, the destructor of the new space gives
  //: everything back.
  Clone clone{TRY(AddressSpace::create_with_map()), 0};
  clone.space.memory() = parent.memory();
  const KernelTable table(parent.root());
  for (const Vma& area : parent.memory().areas.all()) {
    for (auto leaf = table.find(area.start, area.end); leaf; leaf = table.find(leaf->start + kPageSize, area.end)) {
      TRY(clone.space.map(Page::containing(leaf->start), TRY(copy_of(leaf->mapping)), leaf->mapping.flags));
      ++clone.pages;
    }
  }
  return clone;
  // @lab 6 end
}
