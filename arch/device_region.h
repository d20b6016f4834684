// A device whose registers the kernel maps.
#pragma once

#include <cstdint>

#include "kernel/base/addr.h"

// Each ISA lists its own in its layout.h.
struct DeviceRegion {
  char name[20];  // characters, not a pointer: read before lab 2's move
  PhysAddr start;
  std::uint64_t size;
};
