// Has two children, who end as soon as a word of their own memory permits it, with a code that is in their memory.
// Their parent waits for the first one. All three have all this at the same addresses.
#include <cstdint>

#include "user/lib/judged_call.h"
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

// Whoever looks on from outside reads and writes these, in the memory of one of the three.
extern "C" {
volatile std::uint64_t g_go = 1;     // a child: may it end?
volatile std::uint64_t g_pause = 0;  // the parent: must it wait before it has the second child?
volatile std::uint64_t g_code = 42;
alignas(4096) volatile int g_status = -1;  // on a page of its own
}

namespace {

[[noreturn]] void live_as_child() {
  while (g_go == 0) sched_yield();
  exit(static_cast<int>(g_code));
}

}  // namespace

int main() {
  g_status = -1;  // it is there: who looks on may change it
  g_go = 1;
  g_pause = 0;
  call_comes();
  const std::int64_t first = fork();
  if (first == 0) live_as_child();
  while (g_pause != 0) sched_yield();
  printf("offspring: fork returned %ld\n", first);
  const std::int64_t second = fork();
  if (second == 0) live_as_child();

  call_comes();
  const std::int64_t ended = wait4(first, const_cast<int*>(&g_status));
  call_returned(ended);
  printf("offspring: wait4 returned %ld, with exit code %d\n", ended, exit_code_of(g_status));
  wait4(second, nullptr);
  return ended == first && signal_of(g_status) == 0 ? 0 : 1;
}
