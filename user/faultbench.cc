// What memory costs that is promised first and brought when it is touched.
#include <cstddef>
#include <cstdint>

#include "marker.h"  // of the ISA: user/lib/<isa>/
#include "user/lib/operation.h"
#include "user/lib/system_calls.h"

namespace {

constexpr std::size_t kPageSize = 4096;

// Maps that many pages, at `place` or where there is room; a negative error number if that failed.
std::int64_t map(unsigned long pages, std::int64_t place = 0) {
  using namespace memory_options;
  return mmap(reinterpret_cast<void*>(place), pages * kPageSize, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous);
}

bool unmap(std::int64_t start, unsigned long pages) {
  return munmap(reinterpret_cast<void*>(start), pages * kPageSize) == 0;
}

[[gnu::noinline]] void touch(std::int64_t start, unsigned long pages) {
  auto* bytes = reinterpret_cast<volatile char*>(start);
  for (unsigned long i = 0; i < pages; ++i) bytes[i * kPageSize] = 1;
}

// Touches pages that are there: what the loop costs by itself.
bool touch_again(Times times) {
  const std::int64_t start = map(times.number);
  if (start < 0) return false;
  touch(start, times.number);
  puts("begin");
  mark_begin();
  touch(start, times.number);
  mark_end();
  puts("end");
  return true;
}

// Touches pages that are not there, but were: the tables above them are there still.
bool fault(Times times) {
  const std::int64_t start = map(times.number);
  if (start < 0) return false;
  touch(start, times.number);
  if (!unmap(start, times.number) || map(times.number, start) != start) return false;
  puts("begin");
  mark_begin();
  touch(start, times.number);
  mark_end();
  puts("end");
  return true;
}

// Takes 64 pages, uses them and gives them back. Once before the markers, so that the tables are there.
bool map_touch_unmap(Times times) {
  constexpr unsigned long kPages = 64;
  bool worked = true;
  const auto once = [&worked] {
    const std::int64_t start = map(kPages);
    worked = worked && start > 0;
    if (!worked) return;
    touch(start, kPages);
    worked = unmap(start, kPages);
  };
  once();
  mark_begin();
  for (unsigned long i = 0; i < times.number; ++i) once();
  mark_end();
  return worked;
}

constexpr Operation kOperations[] = {
    {"fault", fault},
    {"touch", touch_again},
    {"map64", map_touch_unmap},
};

}  // namespace

int main(int argc, char** argv) {
  return run_operation(kOperations, argc, argv);
}
