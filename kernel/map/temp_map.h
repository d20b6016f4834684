// A window onto one frame of RAM, open while this object lives. The kernel reaches frames beyond the linear window in
// no other way.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "kernel/base/addr.h"
#include "kernel/base/result.h"
#include "kernel/map/kernel_half.h"

class [[nodiscard]] TempMap {
 public:
  // Lab 4, temp_map.cc: opens a window in a free slot. kNoSlot if there is none. Never allocates.
  static Result<TempMap> open(Frame frame);

  TempMap(TempMap&& other) noexcept : slot_(std::exchange(other.slot_, layout::kTempSlots)) {}
  TempMap& operator=(TempMap&&) = delete;
  ~TempMap() {
    if (slot_ < layout::kTempSlots) close();
  }

  VirtAddr address() const { return layout::kTempWindow + slot_ * kPageSize; }
  std::span<std::byte, kPageSize> bytes() const {
    auto* const start = reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(address().raw()));
    return std::span<std::byte, kPageSize>{start, kPageSize};
  }

 private:
  explicit TempMap(unsigned slot) : slot_(slot) {}

  // Lab 4, temp_map.cc: nothing of the window may stay behind, in the table or in the TLB. The frame is not touched.
  void close();

  unsigned slot_;  // kTempSlots: moved away
};
