// `multitude PAGES` has children that stay, each with so many pages in its heap, until there can be no more. Then it
// ends, and leaves them. A child ends when it is told to, by a word of its memory.
#include <cstdint>

#include "user/lib/judged_call.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

extern "C" {
volatile std::uint64_t g_go = 0;  // whoever looks on from outside may change it
}

namespace {

[[gnu::noinline]] void wait_a_bit() {
  constexpr Duration kShort{.seconds = 0, .nanoseconds = 1'000'000};
  nanosleep(&kShort);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  constexpr std::size_t kPage = 4096;
  const std::size_t pages = strtoul(argv[1], nullptr, 0);
  g_go = 0;
  auto* const heap = reinterpret_cast<volatile char*>(brk(nullptr));
  brk(const_cast<char*>(heap) + pages * kPage);
  for (std::size_t page = 0; page < pages; ++page) heap[page * kPage] = 1;

  wait_a_bit();  // brings all pages that a child uses: it needs none but those that it begins with
  std::int64_t child = 1;
  while (child > 0) {
    call_comes();
    child = fork();
    while (child == 0 && g_go == 0) wait_a_bit();
    if (child == 0) return 7;
    call_returned(child);
  }
  return 0;
}
