// Where things are on this ISA: QEMU's microvm. kernel/base/layout.h has the picture.
#pragma once

#include <array>

#include "arch/device_region.h"
#include "kernel/base/addr.h"

namespace layout {

inline constexpr PhysAddr kRamBase{0};

// va - pa in the higher half: its first byte is the lowest canonical address of the upper half (Intel SDM vol. 1,
// 3.3.7.1), slot 256 of the root.
inline constexpr std::uint64_t kKernelOffset = 0xffff'8000'0000'0000;

// va - pa of the devices' registers there. Here they are as far up as everything else.
inline constexpr std::uint64_t kDeviceOffset = kKernelOffset;

// The linear window: the RAM that the kernel reaches at all times. Tables and kernel objects live there.
inline constexpr std::uint64_t kWindowSize = 32 * kMiB;

// A kernel stack fills the upper half of a slot of twice its size; the lower half is the guard and stays unmapped.
// So one bit of the stack pointer tells whether it is still in its stack.
inline constexpr std::uint64_t kKernelStackSize = 16 * kKiB;
static_assert(kKernelStackSize == 1 << 14);  // as the linker script has it

// How many entries of the root, from the first on, are for user addresses: half, for the others are the kernel's.
inline constexpr unsigned kUserSlots = 256;

// The end of the user half. The last page of the lower half stays out of reach: so the address after an instruction
// is canonical, too, and a return to it cannot fault in the kernel (Intel SDM vol. 1, 3.3.7.1).
inline constexpr VirtAddr kUserEnd{0x7fff'ffff'f000};

// Where mmap begins to look for room.
inline constexpr VirtAddr kUserMapStart{4 * kGiB};

// Kernel stacks lie on both sides of it: a table of level 1 ends there.
inline constexpr VirtAddr kKernelStacksBorder{kKernelOffset + 513 * kGiB};
// Temporary mappings, in a slot of the root of their own.
inline constexpr VirtAddr kTempWindow{kKernelOffset + 1024 * kGiB};

inline constexpr PhysAddr kLocalApic{0xfee0'0000};  // Intel SDM vol. 3, 10.4.1
inline constexpr PhysAddr kPower{0xfea0'0000};      // ACPI sleep control register at + 0x200 (ACPI 4.8.3.7)

// All of them.
inline constexpr std::array kDevices{
    DeviceRegion{"local-apic", kLocalApic, kPageSize},
    DeviceRegion{"power", kPower, kPageSize},
};

}  // namespace layout
