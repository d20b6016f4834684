// What fork and execve cost.
#include <cstddef>
#include <cstdint>

#include "marker.h"  // of the ISA: user/lib/<isa>/
#include "user/lib/operation.h"
#include "user/lib/system_calls.h"

namespace {

constexpr std::size_t kPageSize = 4096;

bool ended_well(std::int64_t child) {
  int status = -1;
  return child > 0 && wait4(child, &status) == child && status == 0;
}

// A child that ends at once.
bool fork_and_wait(Times times) {
  bool worked = true;
  mark_begin();
  for (unsigned long i = 0; i < times.number; ++i) {
    const std::int64_t child = fork();
    if (child == 0) exit(0);
    worked &= child > 0 && wait4(child, nullptr) == child;
  }
  mark_end();
  return worked;
}

// A child that becomes another program.
bool fork_and_execute(Times times) {
  const char* const arguments[] = {"hello", nullptr};
  bool worked = true;
  mark_begin();
  for (unsigned long i = 0; i < times.number; ++i) {
    const std::int64_t child = fork();
    if (child == 0) {
      execve("hello", arguments);
      exit(1);
    }
    worked &= ended_well(child);
  }
  mark_end();
  return worked;
}

// Becomes another program, whose first instruction is a marker, too (user/lib/<isa>/start.S). That one may do as it
// likes; this one has failed if it goes on.
bool become(Times) {
  const char* const arguments[] = {"hello", nullptr};
  mark_begin();
  execve("hello", arguments);
  return false;
}

// The pages of this process that are there.
unsigned long resident() {
  unsigned long pages = 0;
  AreaDescription area;
  for (std::uint64_t i = 0; describe_area(i, &area) == 1; ++i) pages += area.present;
  return pages;
}

// Touches fresh pages until so many are resident in all. They lie together, from a multiple of what one table maps on.
bool grow_to(unsigned long pages) {
  using namespace memory_options;
  constexpr std::uint64_t kPlace = std::uint64_t{8} << 30;
  const unsigned long before = resident();
  if (pages <= before) return false;
  const std::size_t size = (pages - before) * kPageSize;
  const auto start = mmap(reinterpret_cast<void*>(kPlace), size, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous);
  if (start < 0) return false;
  for (std::size_t done = 0; done < size; done += kPageSize) reinterpret_cast<volatile char*>(start)[done] = 1;
  return resident() == pages;
}

// The fork alone of a process with as many resident pages as `times` says: until the parent goes on, the child has not
// run yet. Once before the markers, so that all that stays is there.
bool fork_of_pages(Times times) {
  if (!grow_to(times.number)) return false;
  std::int64_t child = fork();
  if (child == 0) exit(0);
  if (!ended_well(child) || resident() != times.number) return false;
  mark_begin();
  child = fork();
  if (child == 0) exit(0);
  mark_end();
  return ended_well(child);
}

constexpr Operation kOperations[] = {
    {"fork", fork_and_wait},
    {"exec", fork_and_execute},
    {"pages", fork_of_pages},
    {"become", become},
};

}  // namespace

int main(int argc, char** argv) {
  return run_operation(kOperations, argc, argv);
}
