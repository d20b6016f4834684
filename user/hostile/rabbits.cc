// Each has as many young as the kernel permits, and cares for none of them: whoever ends leaves its children, running
// or not, to process 0. `rabbits GENERATIONS`.
#include <cstdint>

#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

int main(int argc, char** argv) {
  const unsigned long generations = argc == 2 ? strtoul(argv[1], nullptr, 0) : 0;
  if (generations == 0) return 0;
  char fewer[kDigits];
  to_text(generations - 1, fewer);
  const char* const arguments[] = {"rabbits", fewer, nullptr};
  unsigned young = 0;
  std::int64_t result = spawn("rabbits", arguments);
  for (; result > 0; result = spawn("rabbits", arguments)) ++young;
  printf("rabbits: %u young, then error %ld\n", young, -result);
  return 0;
}
