// Programs that ./pagewalk bench runs: `NAME OPERATION N` does an operation N times between two markers, and the
// counter counts the instructions between them.
#pragma once

#include <span>

#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/string.h"

// How often, also as it was typed.
struct Times {
  unsigned long number;
  const char* text;
};

// `run` returns whether it worked. Between the markers is as little as possible beside the operation itself.
struct Operation {
  const char* name;
  bool (*run)(Times times);
};

// Does what the arguments of the program say, and returns what main() should.
inline int run_operation(std::span<const Operation> operations, int argc, char** argv) {
  if (argc < 3) {
    printf("%s is running\n", argv[0]);
    return 0;
  }
  const Times times{strtoul(argv[2], nullptr, 10), argv[2]};
  for (const Operation& operation : operations) {
    if (strcmp(argv[1], operation.name) == 0) return operation.run(times) ? 0 : 1;
  }
  printf("%s: there is no operation %s\n", argv[0], argv[1]);
  return 1;
}
