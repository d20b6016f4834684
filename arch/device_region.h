// A device whose registers the kernel maps.
#pragma once

#include <cstdint>

#include "kernel/base/addr.h"

// Each ISA lists its own in its layout.h.
struct DeviceRegion {
  char name[20];
  PhysAddr start;
  std::uint64_t size;
};
