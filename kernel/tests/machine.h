// The frames of the tests' machine.
#pragma once

#include <span>

#include "kernel/base/addr.h"
#include "kernel/base/layout.h"
#include "kernel/tests/apart/protocol.h"

// frames() has charge of the last MiB of the window and of 16 frames beyond it.
inline constexpr PhysAddr kFirstFrame = layout::kWindowEnd - kMiB;
inline constexpr PhysAddr kFirstOwned = kFirstFrame + kPageSize;  // after the allocator's records
inline constexpr PhysAddr kLastFrameEnd = layout::kWindowEnd + 16 * kPageSize;

// What the engine of another process sees of them (apart/): how many owners each has.
inline std::span<std::uint8_t> owners() {
  return {reinterpret_cast<std::uint8_t*>(apart::kRamPlace + apart::kOwnersAt),
          (kLastFrameEnd - kFirstFrame) / kPageSize};
}
