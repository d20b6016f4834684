// Becomes another program: `become PROGRAM ARGUMENT...`. If that fails it is still itself, and tells why.
#include <cstdint>

#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

namespace {
constinit thread_local int t_own = 4711;
}

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::int64_t result = execve(argv[1], argv + 1);
  printf("become: execve returned %ld%s\n", result, t_own == 4711 ? "" : " and lost something");
  return 1;
}
