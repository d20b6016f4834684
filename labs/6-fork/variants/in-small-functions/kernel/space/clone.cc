// Lab 6. The copy of an address space. You own this file.
#include "kernel/space/clone.h"

#include <cstring>

#include "arch/user_mode.h"
#include "kernel/base/todo.h"
#include "kernel/map/temp_map.h"
#include "kernel/space/memory_map.h"

namespace {

// A frame with the bytes of the page that an entry maps.
Result<OwnedFrame> copy_of(const Decoded& page) {
  OwnedFrame copy = TRY(OwnedFrame::allocate(Zone::kBeyond));
  const TempMap from = TRY(TempMap::open(Frame::containing(page.address)));
  const TempMap to = TRY(TempMap::open(copy.frame()));
  std::memcpy(to.bytes().data(), from.bytes().data(), kPageSize);
  if (page.flags.execute) UserMode::code_written(to.address(), kPageSize);
  return copy;
}

}  // namespace

Result<Clone> clone_address_space(const AddressSpace& parent) {
  AddressSpace space = TRY(AddressSpace::create_with_map());
  space.memory() = parent.memory();

  std::uint64_t pages = 0;
  const auto copier = [&](const Decoded& page) -> Result<OwnedFrame> {
    OwnedFrame copy = TRY(copy_of(page));
    ++pages;
    return copy;
  };
  KernelTable tables(space.root());
  for (const Vma& area : parent.memory().areas.all()) {
    TRY(tables.map_copies(KernelTable(parent.root()), area.start, area.end, copier));
  }
  return Clone{std::move(space), pages};
}
