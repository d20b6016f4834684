// Calls itself so many times: `deep COUNT`. With a large number its stack runs out. Below a stack nothing is mapped, so
// it cannot grow into anything else.
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"

namespace {

// Not a loop: each call has a place of its own on the stack, and uses it after the next one has returned.
[[gnu::noinline]] unsigned long descend(unsigned long count) {
  volatile unsigned long mine = count;
  return count == 0 ? 0 : descend(count - 1) + (mine == count);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  printf("deep: came back from %lu\n", descend(strtoul(argv[1], nullptr, 0)));
  return 0;
}
