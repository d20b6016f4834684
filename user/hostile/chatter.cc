// Has the kernel print a TiB that it was only promised, all of it in one call if the kernel lets that happen.
#include <cstdint>

#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

int main() {
  using namespace memory_options;
  constexpr std::uint64_t kSize = std::uint64_t{1} << 40;
  const std::int64_t start = mmap(nullptr, kSize, kProtRead, kMapPrivate | kMapAnonymous);
  if (start < 0) return 1;
  puts("chatter: begins");
  for (std::uint64_t done = 0; done < kSize;) {
    const std::int64_t printed = write(1, reinterpret_cast<const void*>(start + done), kSize - done);
    if (printed <= 0) return 1;
    done += printed;
  }
  return 0;
}
