// Who holds which frame of physical memory. Pure bookkeeping: it never touches the frames themselves.
//
// RAM comes in two zones: the window, which the kernel can always reach, and what lies beyond it. A frame is in use
// while at least one owner holds a share of it. At every moment free + used == total.
#pragma once

#include <array>
#include <cstdint>

#include "kernel/base/addr.h"
#include "kernel/base/result.h"
#include "kernel/sync/guarded.h"

enum class Zone : std::uint8_t { kWindow, kBeyond };

// One per frame. A frame that is free names the next free one; a frame in use counts its owners.
struct FrameRecord {
  std::uint32_t shares;
  std::uint32_t next_free;
};

struct FrameCounts {
  std::uint64_t total;
  std::uint64_t window_free;
  std::uint64_t beyond_free;
  std::uint64_t used;
};

class FrameAllocator {
 public:
  // Takes charge of the frames from `first` to `end`. Those below `window_end` form the window; the records are laid
  // at `first`, in the window, and the frames that hold them are not handed out.
  void initialise(PhysAddr first, PhysAddr window_end, PhysAddr end);

  // A frame of `zone` with one share. Its contents are whatever they were.
  [[nodiscard]] Result<Frame> allocate(Zone zone);

  // One owner more of a frame in use.
  void share(Frame frame);

  // One owner less. True if it was the last one: the frame is free now.
  bool release(Frame frame);

  std::uint32_t shares(Frame frame) const;
  FrameCounts counts() const;

  // Makes the k-th allocation from now fail; 1 is the next one, 0 takes it back.
  void fail_allocation(std::uint64_t k) { fail_after_ = k; }

 private:
  // Frames from `fresh` to `end` were never handed out, and their records never written: start-up costs nothing,
  // whatever the size of RAM. Frames given back form a list through their records.
  struct ZoneState {
    PhysAddr start, fresh, end;
    std::uint32_t free_list;  // number of the first free frame; kNone: empty
    std::uint64_t returned;   // length of that list
  };
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  FrameRecord& record(std::uint32_t number) const;
  FrameRecord& record_of(Frame frame) const;
  ZoneState& zone_of(Frame frame) { return zones_[frame.start() < zones_[0].end ? 0 : 1]; }

  PhysAddr first_;
  std::array<ZoneState, 2> zones_{};
  std::uint64_t total_ = 0;
  std::uint64_t fail_after_ = 0;
};

// The one allocator of this machine.
Guarded<FrameAllocator>& frames();

// Hands all RAM above the kernel's image to frames(), as the boot parameters say.
void initialise_frames();
