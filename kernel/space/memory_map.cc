#include "kernel/space/memory_map.h"

#include <algorithm>
#include <cstring>

void MemoryMap::copy_file(Page page, std::span<std::byte, kPageSize> to) const {
  const VirtAddr page_end = page.start() + kPageSize;
  for (const FilePart& part : file) {
    const VirtAddr begin = std::max(part.start, page.start());
    const VirtAddr end = std::min(part.start + part.bytes.size(), page_end);
    if (begin >= end) continue;
    std::memcpy(to.data() + (begin - page.start()), part.bytes.data() + (begin - part.start), end - begin);
  }
}
