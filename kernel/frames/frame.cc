#include "kernel/frames/frame.h"

#include <cstring>

#include "arch/arch.h"
#include "kernel/base/layout.h"

namespace {

// Fills a frame that the kernel can reach.
void fill(Frame frame, int byte) {
  if (frame.start() < layout::kWindowEnd) std::memset(pointer_to(frame.start()), byte, kPageSize);
}

}  // namespace

Result<OwnedFrame> OwnedFrame::allocate_zeroed() {
  OwnedFrame owned = TRY(allocate(Zone::kWindow));
  fill(owned.frame(), 0);
  Arch::table_written();
  return owned;
}

Result<OwnedFrame> OwnedFrame::allocate(Zone zone) {
  return OwnedFrame(TRY(frames().lock()->allocate(zone)));
}

void OwnedFrame::give_back() {
  auto allocator = frames().lock();  // held until the frame is filled: nobody may be given it before
  if (allocator->release(frame_)) fill(frame_, kPoison);
}

OwnedFrame OwnedFrame::share() const {
  frames().lock()->share(frame_);
  return OwnedFrame(frame_);
}
