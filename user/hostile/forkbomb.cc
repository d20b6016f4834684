// Forks for ever, and so does each child of its: `forkbomb`. The first one says when there are no more to be had. It
// never ends by itself.
#include <cstdint>

#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

int main() {
  const std::int64_t first = getpid();
  bool has_told = false;
  for (;;) {
    const std::int64_t result = fork();
    if (result >= 0 || has_told || getpid() != first) continue;
    printf("forkbomb: fork fails with error %ld\n", -result);
    has_told = true;
  }
}
