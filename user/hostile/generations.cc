// Has so many children, one after the other, that the numbers of processes begin again; meanwhile one old child lives
// on. A number must not be given to two at the same time. `generations COUNT`; `generations` alone is a child.
#include <cstdint>

#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

namespace {

std::int64_t have_child(const char* program, const char* argument) {
  const char* const arguments[] = {program, argument, nullptr};
  return spawn(program, arguments);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 1) return 7;
  const unsigned long count = strtoul(argv[1], nullptr, 0);
  const std::int64_t elder = have_child("sleep", "3600");
  std::int64_t highest = elder;
  unsigned restarts = 0;
  std::int64_t previous = elder;
  for (unsigned long i = 0; i < count; ++i) {
    const std::int64_t child = have_child("generations", nullptr);
    int status = 0;
    if (child <= 1 || child == elder || child == getpid() || wait4(child, &status) != child || status != 7 << 8) {
      printf("generations: child %lu got the number %ld and the status 0x%x\n", i, child, status);
      return 1;
    }
    if (child > highest) highest = child;
    if (child < previous) ++restarts;
    previous = child;
  }
  const bool elder_lives = wait4(elder, nullptr, kWaitNoHang) == 0;
  printf("generations: highest %ld, restarts %u, elder %s\n", highest, restarts, elder_lives ? "lives" : "is gone");
  return 0;
}
