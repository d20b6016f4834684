// The first program: says hello, and whether the kernel took it.
#include <cstdint>

#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

int main() {
  const std::int64_t written = write(1, "Hello", 5);
  printf("\nwrite returned %ld\n", written);
  if (written != 5) return 1;
  printf("Hello from user mode, this is process %ld\n", getpid());
  return 0;
}
