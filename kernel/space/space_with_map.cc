// Where an address space keeps its MemoryMap: in a frame of the window, which the kernel reaches at any time.
#include <new>

#include "kernel/base/check.h"
#include "kernel/base/layout.h"
#include "kernel/space/address_space.h"
#include "kernel/space/memory_map.h"

Result<AddressSpace> AddressSpace::create_with_map() {
  AddressSpace space = TRY(create());
  const bool is_kept = frames().lock()->shares(Frame::containing(space.root())) > 0;
  CHECK_NAMED("root-is-kept", is_kept, space.root().raw());
  space.map_frame_ = TRY(OwnedFrame::allocate(Zone::kWindow));
  new (pointer_to(space.map_frame_->address())) MemoryMap;
  return space;
}

MemoryMap& AddressSpace::memory() const {
  return *static_cast<MemoryMap*>(pointer_to(map_frame_->address()));
}
