// Lists the programs of the archive, with the sizes of their files.
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

int main() {
  ProgramDescription program;
  for (std::uint64_t i = 0; describe_program(i, &program) == 1; ++i) printf("%8lu %s\n", program.size, program.name);
  return 0;
}
