// Starts a program, waits for it, and tells how it ended: `launch PROGRAM ARGUMENT...`. A shell would do no more.
#include <cstdint>

#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::int64_t child = spawn(argv[1], argv + 1);
  if (child < 0) {
    printf("launch: spawn returned %ld\n", child);
    return 1;
  }
  int status = 0;
  const std::int64_t ended = wait4(child, &status);
  printf("launch: %s status %d signal %d\n", ended == child ? "ended with" : "lost,", exit_code_of(status),
         signal_of(status));
  return ended == child ? 0 : 1;
}
