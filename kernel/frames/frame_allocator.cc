#include "kernel/frames/frame_allocator.h"

#include "kernel/base/boot_parameters.h"
#include "kernel/base/check.h"
#include "kernel/base/layout.h"

void FrameAllocator::initialise(PhysAddr first, PhysAddr window_end, PhysAddr end) {
  CHECK(first < window_end && window_end <= end, first.raw(), end.raw());
  CHECK(is_aligned(first.raw() | window_end.raw() | end.raw(), kPageSize), first.raw(), end.raw());
  const std::uint64_t count = (end - first) / kPageSize;
  const PhysAddr after_records = first + round_up(count * sizeof(FrameRecord), kPageSize);
  CHECK(after_records < window_end, after_records.raw(), window_end.raw());
  first_ = first;
  zones_ = {ZoneState{after_records, after_records, window_end, kNone, 0},
            ZoneState{window_end, window_end, end, kNone, 0}};
  total_ = (end - after_records) / kPageSize;
}

Result<Frame> FrameAllocator::allocate(Zone zone) {
  if (fail_after_ > 0 && --fail_after_ == 0) return std::unexpected(Error::kNoMemory);
  ZoneState& state = zones_[static_cast<unsigned>(zone)];
  if (state.free_list != kNone) {
    FrameRecord& reused = record(state.free_list);
    const Frame frame = Frame::containing(first_ + state.free_list * kPageSize);
    state.free_list = reused.next_free;
    --state.returned;
    reused = {.shares = 1, .next_free = kNone};
    return frame;
  }
  if (state.fresh == state.end) return std::unexpected(Error::kNoMemory);
  const Frame frame = Frame::containing(state.fresh);
  state.fresh = state.fresh + kPageSize;
  record_of(frame) = {.shares = 1, .next_free = kNone};
  return frame;
}

void FrameAllocator::share(Frame frame) {
  FrameRecord& owned = record_of(frame);
  CHECK_NAMED("frame-is-held", owned.shares > 0, frame.start().raw());
  ++owned.shares;
}

bool FrameAllocator::release(Frame frame) {
  FrameRecord& owned = record_of(frame);
  CHECK_NAMED("frame-is-held", owned.shares > 0, frame.start().raw());
  if (--owned.shares > 0) return false;
  ZoneState& state = zone_of(frame);
  owned.next_free = state.free_list;
  state.free_list = static_cast<std::uint32_t>((frame.start() - first_) / kPageSize);
  ++state.returned;
  return true;
}

std::uint32_t FrameAllocator::shares(Frame frame) const {
  return record_of(frame).shares;
}

FrameCounts FrameAllocator::counts() const {
  const auto free_in = [](const ZoneState& zone) { return (zone.end - zone.fresh) / kPageSize + zone.returned; };
  const std::uint64_t window_free = free_in(zones_[0]);
  const std::uint64_t beyond_free = free_in(zones_[1]);
  return {total_, window_free, beyond_free, total_ - window_free - beyond_free};
}

FrameRecord& FrameAllocator::record(std::uint32_t number) const {
  return static_cast<FrameRecord*>(pointer_to(first_))[number];
}

FrameRecord& FrameAllocator::record_of(Frame frame) const {
  const auto& [window, beyond] = zones_;
  const ZoneState& zone = frame.start() < window.end ? window : beyond;
  const bool is_handed_out = frame.start() >= zone.start && frame.start() < zone.fresh;
  CHECK_NAMED("frame-was-handed-out", is_handed_out, frame.start().raw(), zone.fresh.raw());
  return record(static_cast<std::uint32_t>((frame.start() - first_) / kPageSize));
}

namespace {
constinit Guarded<FrameAllocator> g_frames;
}

Guarded<FrameAllocator>& frames() {
  return g_frames;
}

void initialise_frames() {
  const BootParameters parameters = boot_parameters();
  CHECK(parameters.ram_bytes >= layout::kSmallestRam, parameters.ram_bytes);
  auto allocator = frames().lock();
  allocator->initialise(image_map.end, layout::kWindowEnd, layout::kRamBase + parameters.ram_bytes);
  allocator->fail_allocation(parameters.fail_allocation);
}
