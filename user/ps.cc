// Lists the processes: number, number of the parent, what it is doing, program.
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

int main() {
  puts("  PID PARENT    STATE PROGRAM");
  ProcessDescription process;
  for (std::uint64_t i = 0; describe_process(i, &process) == 1; ++i) {
    printf("%5lu %6lu %8s %s\n", process.pid, process.parent, process.state, process.name);
  }
  return 0;
}
