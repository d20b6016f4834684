// Where things are. The ISA says where its parts begin and how large they are (arch/<isa>/layout.h); their order is the
// same on all.
//
//   virtual (from lab 2 on)                               physical
//   +---------------------------+
//   | devices                   | ------------------------> wherever the ISA has them; va - pa is kDeviceOffset
//   +---------------------------+ window end               +--------------------------+ end of RAM
//   | frames: tables, kernel    |                          | beyond: user pages       |
//   | objects                   |                          +--------------------------+ kWindowEnd
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

// The end of the linear window.
inline constexpr PhysAddr kWindowEnd = kRamBase + kWindowSize;

inline constexpr PhysAddr kBootParameters = kRamBase + 0x180000;

// The least RAM the kernel runs with, and what it assumes where nobody says more.
inline constexpr std::uint64_t kSmallestRam = 64 * kMiB;

}  // namespace layout

// What the linker knows of the image: physical addresses, as plain numbers that hold before and after lab 2's move.
struct ImageMap {
  PhysAddr text, text_end;
  PhysAddr rodata, rodata_end;
  PhysAddr data, data_end;
  PhysAddr boot_stack, boot_stack_end;            // without the guard below it
  PhysAddr emergency_stack, emergency_stack_end;  // without the guard below it
  PhysAddr end;
};
extern "C" const ImageMap image_map;

// A number in the image that is its own physical address. (An integer and no PhysAddr: only of a type without a
// constructor does the compiler believe that it never changes, and reads it once before a loop.)
extern "C" const std::uint64_t own_address;

// va - pa of the code that runs now: 0 until lab 2's move, layout::kKernelOffset after it. Taken from where the
// code finds itself, not from where it was linked to be, so it is right at every moment.
inline std::uint64_t linear_offset() {
  return reinterpret_cast<std::uintptr_t>(&own_address) - own_address;
}

// The address at which the kernel reaches `pa`, which must lie in the window.
inline VirtAddr to_virtual(PhysAddr pa) {
  return VirtAddr{pa.raw() + linear_offset()};
}
inline void* pointer_to(PhysAddr pa) {
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(to_virtual(pa).raw()));
}

// The same for a register of a device, which has an offset of its own once the code runs high.
inline void* register_at(PhysAddr pa) {
  const std::uint64_t offset = linear_offset() == 0 ? 0 : layout::kDeviceOffset;
  return reinterpret_cast<void*>(static_cast<std::uintptr_t>(pa.raw() + offset));
}
