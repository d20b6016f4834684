// Has memory on both sides of borders between pages, uses all of it once, and then only gives others their turn: a
// process at rest, whose memory can be looked at while it is not loaded.
#include <cstddef>

#include "user/lib/string.h"
#include "user/lib/system_calls.h"

namespace {
constexpr std::size_t kPageSize = 4096;
}

extern "C" {
alignas(kPageSize) char g_still[4 * kPageSize];
}

int main() {
  memset(g_still, 's', sizeof g_still);
  for (;;) sched_yield();
}
