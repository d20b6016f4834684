// Takes memory, and keeps it until it is killed: `hog PAGES`. So others find out what it is like when there is none.
#include <cstdint>

#include "kernel/base/addr.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  using namespace memory_options;
  const std::uint64_t size = strtoul(argv[1], nullptr, 0) * kPageSize;
  const std::int64_t start = mmap(nullptr, size, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous);
  if (start < 0) return 1;
  for (std::uint64_t at = 0; at < size; at += kPageSize) *reinterpret_cast<volatile char*>(start + at) = 1;
  printf("hog: has %lu pages\n", size / kPageSize);
  constexpr Duration kForEver{.seconds = 1 << 30, .nanoseconds = 0};
  for (;;) nanosleep(&kForEver);
}
