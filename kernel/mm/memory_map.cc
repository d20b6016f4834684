#include "kernel/mm/memory_map.h"

#include <algorithm>
#include <cstring>
#include <new>

#include "kernel/base/check.h"
#include "kernel/mm/address_space.h"
#include "kernel/mm/layout.h"

void MemoryMap::copy_file(Page page, std::span<std::byte, kPageSize> to) const {
  const VirtAddr page_end = page.start() + kPageSize;
  for (const FilePart& part : file) {
    const VirtAddr begin = std::max(part.start, page.start());
    const VirtAddr end = std::min(part.start + part.bytes.size(), page_end);
    if (begin >= end) continue;
    std::memcpy(to.data() + (begin - page.start()), part.bytes.data() + (begin - part.start), end - begin);
  }
}

Result<AddressSpace> AddressSpace::create_with_map() {
  AddressSpace space = TRY(create());
  CHECK(frames().lock()->shares(Frame::containing(space.root())) > 0, space.root().raw());  // it has kept its root
  space.map_frame_ = TRY(OwnedFrame::allocate(Zone::kWindow));
  new (pointer_to(space.map_frame_->address())) MemoryMap;
  return space;
}

MemoryMap& AddressSpace::memory() const {
  return *static_cast<MemoryMap*>(pointer_to(map_frame_->address()));
}
