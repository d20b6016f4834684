// Becomes another program: `become PROGRAM ARGUMENT...`. If that fails it is still itself, and tells why.
#include <cstdint>

#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

namespace {

constinit thread_local volatile int t_own = 4711;

// By way of the thread pointer as it is now.
[[gnu::noinline]] bool has_kept_its_own() {
  asm volatile("" ::: "memory");
  return t_own == 4711;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  const std::int64_t result = execve(argv[1], argv + 1);
  printf("become: execve returned %ld%s\n", result, has_kept_its_own() ? "" : " and lost something");
  return 1;
}
