// `multiply ROUNDS PAGES` forks again and again, with so many pages in its heap, and waits for each child.
#include <cstdint>

#include "user/lib/judged_call.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  constexpr std::size_t kPage = 4096;
  const std::size_t rounds = strtoul(argv[1], nullptr, 0), pages = strtoul(argv[2], nullptr, 0);
  auto* const heap = reinterpret_cast<volatile char*>(brk(nullptr));
  brk(const_cast<char*>(heap) + pages * kPage);
  for (std::size_t page = 0; page < pages; ++page) heap[page * kPage] = 1;

  bool all_ended = true;
  for (std::size_t round = 0; round < rounds; ++round) {
    call_comes();
    const std::int64_t child = fork();
    if (child == 0) exit(7);
    int status = 0;
    if (child > 0) all_ended = wait4(child, &status) == child && status == 7 << 8 && all_ended;
    call_returned(child);
  }
  return all_ended ? 0 : 1;
}
