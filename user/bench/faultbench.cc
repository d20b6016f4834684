// What memory costs that is promised first and brought when it is touched.
#include <cstddef>
#include <cstdint>

#include "marker.h"  // of the ISA: user/lib/<isa>/
#include "user/lib/operation.h"
#include "user/lib/system_calls.h"

namespace {

constexpr std::size_t kPageSize = 4096;

// Maps that many pages, at `place` or where there is room; a negative error number if that failed.
std::int64_t map(unsigned long pages, std::uint64_t place = 0) {
  using namespace memory_options;
  return mmap(reinterpret_cast<void*>(place), pages * kPageSize, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous);
}

bool unmap(std::uint64_t start, unsigned long pages) {
  return munmap(reinterpret_cast<void*>(start), pages * kPageSize) == 0;
}

void touch(std::uint64_t start, unsigned long pages) {
  for (unsigned long i = 0; i < pages; ++i) reinterpret_cast<volatile char*>(start)[i * kPageSize] = 1;
}

// Pages to touch, and before every 511 of them one that always stays, so that their table stays as well.
class Pages {
 public:
  explicit Pages(unsigned long count) : count_(count) {}

  // Maps them all and brings them. Whether that worked.
  bool bring() const {
    const unsigned long tables = (count_ + kMost - 1) / kMost;
    if (map(tables * (kMost + 1), kStart) != static_cast<std::int64_t>(kStart)) return false;
    touch(kStart, tables * (kMost + 1));
    return true;
  }

  // Takes all away but those that stay, and promises them again.
  bool forget() const {
    bool worked = true;
    for_each_table([&worked](std::uint64_t start, unsigned long pages) {
      worked = worked && unmap(start, pages) && map(pages, start) == static_cast<std::int64_t>(start);
    });
    return worked;
  }

  [[gnu::noinline]] void touch_all() const { for_each_table(touch); }

 private:
  static constexpr unsigned long kMost = 511;
  static constexpr std::uint64_t kStart = std::uint64_t{8} << 30;  // a table begins there

  void for_each_table(auto action) const {
    std::uint64_t start = kStart + kPageSize;
    unsigned long left = count_;
    for (; left > kMost; left -= kMost, start += (kMost + 1) * kPageSize) action(start, kMost);
    action(start, left);
  }

  unsigned long count_;
};

// The words around it are for those who measure time.
void measure_touching(const Pages& pages) {
  puts("begin");
  mark_begin();
  pages.touch_all();
  mark_end();
  puts("end");
}

// Touches pages that are promised and not there, but were, so that neither a table nor a frame is the first of all.
bool fault(Times times) {
  const Pages pages(times.number);
  if (!pages.bring() || !pages.forget()) return false;
  measure_touching(pages);
  return true;
}

// Touches pages that are there: what fault() costs beside the faults.
bool touch_again(Times times) {
  const Pages pages(times.number);
  if (!pages.bring()) return false;
  measure_touching(pages);
  return true;
}

// Takes 64 pages, uses them and gives them back.
bool map_touch_unmap(Times times) {
  constexpr unsigned long kPages = 64;
  bool worked = true;
  mark_begin();
  for (unsigned long i = 0; i < times.number && worked; ++i) {
    const std::int64_t start = map(kPages);
    if (start < 0) return false;
    touch(static_cast<std::uint64_t>(start), kPages);
    worked = unmap(static_cast<std::uint64_t>(start), kPages);
  }
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
