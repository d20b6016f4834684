// All that a process has been promised, in one frame: its areas, where its heap ends, and what its program's file has.
#pragma once

#include <array>
#include <cstddef>
#include <span>

#include "kernel/base/addr.h"
#include "kernel/space/vma.h"

// Bytes of a program's file that belong into memory, from `start` on. The file is part of the kernel's image, and
// stays.
struct FilePart {
  VirtAddr start;
  std::span<const std::byte> bytes;
};

struct MemoryMap {
  VmaList areas;
  VirtAddr heap_start;  // of the heap's area, once there is one
  VirtAddr heap_end;    // what brk returns; its area ends at the end of that page
  std::array<FilePart, 8> file{};

  // Copies what the program's file has for `page` to `to`, the contents of that page. Other bytes are left alone: two
  // parts may lie in one page.
  void copy_file(Page page, std::span<std::byte, kPageSize> to) const;
};
static_assert(sizeof(MemoryMap) <= kPageSize);
