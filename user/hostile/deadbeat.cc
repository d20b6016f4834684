// Starts children until there can be no more, and never asks what became of them: they stay zombies for as long as it
// lives, and it sleeps for an hour.
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

int main() {
  const char* const arguments[] = {"sleep", "0", nullptr};
  unsigned children = 0;
  while (spawn("sleep", arguments) > 0) ++children;
  printf("deadbeat: %u children\n", children);
  const Duration hour{.seconds = 3600, .nanoseconds = 0};
  nanosleep(&hour);
  return 1;
}
