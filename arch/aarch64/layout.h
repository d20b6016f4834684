// Where things are on this ISA: QEMU's virt machine. kernel/base/layout.h has the picture.
#pragma once

#include <array>

#include "arch/device_region.h"
#include "kernel/base/addr.h"

namespace layout {

inline constexpr PhysAddr kRamBase{0x4000'0000};

// va - pa in the higher half: the lowest address that TTBR1_EL1 translates with TCR_EL1.T1SZ = 16 (Arm ARM D8.1.8).
inline constexpr std::uint64_t kKernelOffset = 0xffff'0000'0000'0000;

// va - pa of the devices' registers there. Here they are as far up as everything else.
inline constexpr std::uint64_t kDeviceOffset = kKernelOffset;

// The linear window: the RAM that the kernel reaches at all times. Tables and kernel objects live there.
inline constexpr std::uint64_t kWindowSize = 32 * kMiB;

// A kernel stack fills the upper half of a slot of twice its size; the lower half is the guard and stays unmapped.
// So one bit of the stack pointer tells whether it is still in its stack (trap_entry.S tests it).
inline constexpr std::uint64_t kKernelStackSize = 16 * kKiB;
static_assert(kKernelStackSize == 1 << 14);  // as the linker script has it

// How many entries of the root of the lower half, from the first on, are for user addresses: all.
inline constexpr unsigned kUserSlots = 512;

// The end of the user half: one page below what TTBR0_EL1 translates with TCR_EL1.T0SZ = 16, as on the other ISAs.
inline constexpr VirtAddr kUserEnd{0x7fff'ffff'f000};

// Where mmap begins to look for room.
inline constexpr VirtAddr kUserMapStart{4 * kGiB};

// Kernel stacks lie on both sides of it: a table of level 1 ends there.
inline constexpr VirtAddr kKernelStacksBorder{kKernelOffset + 513 * kGiB};
// Temporary mappings, in a slot of the root of their own.
inline constexpr VirtAddr kTempWindow{kKernelOffset + 1024 * kGiB};

inline constexpr PhysAddr kUart{0x0900'0000};            // PL011
inline constexpr PhysAddr kGicDistributor{0x0800'0000};  // GICv2
inline constexpr PhysAddr kGicCpu{0x0801'0000};

// All of them.
inline constexpr std::array kDevices{
    DeviceRegion{"gic-distributor", kGicDistributor, kPageSize},
    DeviceRegion{"gic-cpu", kGicCpu, kPageSize},
    DeviceRegion{"uart", kUart, kPageSize},
};

}  // namespace layout
