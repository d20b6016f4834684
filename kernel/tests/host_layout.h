// Where things are on the ISA of the host tests.
#pragma once

#include <array>

#include "arch/device_region.h"
#include "kernel/base/addr.h"

namespace layout {

// Not 0, so that a physical address taken for an offset, or the reverse, is noticed.
inline constexpr PhysAddr kRamBase{0x4000'0000};

// Both halves are as on x86_64.
inline constexpr std::uint64_t kKernelOffset = 0xffff'8000'0000'0000;
inline constexpr std::uint64_t kDeviceOffset = kKernelOffset;
inline constexpr std::uint64_t kWindowSize = 32 * kMiB;
inline constexpr std::uint64_t kKernelStackSize = 16 * kKiB;
inline constexpr unsigned kUserSlots = 256;
inline constexpr VirtAddr kUserEnd{0x7fff'ffff'f000};
inline constexpr VirtAddr kUserMapStart{4 * kGiB};
inline constexpr VirtAddr kKernelStacksBorder{kKernelOffset + 513 * kGiB};

// But temporary mappings are where a program of this machine can have memory (mmu.h).
inline constexpr VirtAddr kTempWindow{0x5000'0000'0000};

inline constexpr std::array<DeviceRegion, 0> kDevices{};

}  // namespace layout
