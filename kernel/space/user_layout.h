// Where things are in the user half, the same for every process. The ISA says where it ends, and where mmap begins
// (arch/<isa>/layout.h).
//
//   +-----------------------+ kUserEnd
//   | what mmap finds room  |
//   | for                   |
//   +-----------------------+ kUserMapStart
//   | nothing               |
//   +-----------------------+ kUserStackTop, 1 GiB
//   | stack                 |
//   +-----------------------+ kUserStackTop - kUserStackSize; from lab 5 on it grows, at most to kUserStackLimit
//   | nothing: a stack that |
//   | runs out faults here  |
//   +-----------------------+
//   | heap                  |
//   +-----------------------+
//   | the program's text,   |
//   | rodata, data          |
//   +-----------------------+ 4 MiB, by the program's linker script
//   | nothing: null         |
//   +-----------------------+ 0
#pragma once

#include "arch/layout.h"
#include "kernel/base/addr.h"

namespace layout {

inline constexpr VirtAddr kUserStackTop{0x4000'0000};
inline constexpr std::uint64_t kUserStackSize = 16 * kKiB;
inline constexpr VirtAddr kUserStackGuard = kUserStackTop - kUserStackSize - kPageSize;  // one page
inline constexpr VirtAddr kUserStackLimit = kUserStackTop - kMiB;

// Whether all bytes from `start` on are in the user half, and none of them in page 0. Cannot overflow.
constexpr bool is_user_range(VirtAddr start, std::uint64_t size) {
  return start.raw() >= kPageSize && start <= kUserEnd && size <= kUserEnd - start;
}

}  // namespace layout
