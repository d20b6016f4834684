// Where things are. The ISA says where RAM and the upper half begin (arch/<isa>/layout.h); the rest is the same on all.
//
//   virtual (from lab 2 on)                               physical
//   +---------------------------+ kKernelOffset + 4 GiB
//   | devices                   | ------------------------> the same addresses, wherever the ISA has them
//   +---------------------------+ kWindow end              +--------------------------+ end of RAM
//   | frames: tables, kernel    |                          | beyond: user pages       |
//   | objects                   |                          +--------------------------+ kRamBase + 32 MiB
//   +---------------------------+ image end                | window                   |
//   | stacks, each over a guard |                          |                          |
//   | data   RW-                | ---- va - pa is one ---> |                          |
//   | rodata R--                |      constant            |                          |
//   | text   R-X                |                          |                          |
//   +---------------------------+                          +--------------------------+ kRamBase + 2 MiB
//   | boot parameters R--       |                          | boot parameters          |
//   +---------------------------+                          +--------------------------+ kRamBase + 1.5 MiB
//   | nothing                   |                          | firmware                 |
//   +---------------------------+ kKernelOffset + kRamBase +--------------------------+ kRamBase
#pragma once

#include "arch/arch.h"
#include "kernel/base/addr.h"

namespace layout {

// The linear window: the RAM that the kernel reaches at all times. Tables and kernel objects live there.
inline constexpr std::uint64_t kWindowSize = 32 * kMiB;
inline constexpr PhysAddr kWindowEnd = kRamBase + kWindowSize;

inline constexpr PhysAddr kBootParameters = kRamBase + 0x180000;

// The least RAM the kernel runs with, and what it assumes where nobody says more.
inline constexpr std::uint64_t kSmallestRam = 64 * kMiB;

// A kernel stack fills the upper half of a slot of twice its size; the lower half is the guard and stays unmapped.
// So one bit of the stack pointer tells whether it is still in its stack (arch/aarch64/trap_entry.S tests it).
inline constexpr std::uint64_t kKernelStackSize = 16 * kKiB;
static_assert(kKernelStackSize == 1 << 14);  // as the linker script has it

}  // namespace layout

// What the linker knows of the image: physical addresses, as plain numbers that hold before and after lab 2's move.
struct ImageMap {
  PhysAddr self;  // of this structure
  PhysAddr text, text_end;
  PhysAddr rodata, rodata_end;
  PhysAddr data, data_end;
  PhysAddr boot_stack, boot_stack_end;            // without the guard below it
  PhysAddr emergency_stack, emergency_stack_end;  // without the guard below it
  PhysAddr end;
};
extern "C" const ImageMap image_map;

// va - pa of the code that runs now: 0 until lab 2's move, layout::kKernelOffset after it. Taken from where the
// code finds itself, not from where it was linked to be, so it is right at every moment.
inline std::uint64_t linear_offset() {
  return reinterpret_cast<std::uint64_t>(&image_map) - image_map.self.raw();
}

// The address at which the kernel reaches `pa`, which must lie in the window or be a mapped device register.
inline VirtAddr to_virtual(PhysAddr pa) {
  return VirtAddr{pa.raw() + linear_offset()};
}
inline void* pointer_to(PhysAddr pa) {
  return reinterpret_cast<void*>(to_virtual(pa).raw());
}
