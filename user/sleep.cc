// Sleeps for so many seconds, as a shell's sleep does.
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const Duration duration{.seconds = static_cast<std::int64_t>(strtoul(argv[1], nullptr, 0)), .nanoseconds = 0};
  return nanosleep(&duration) == 0 ? 0 : 1;
}
