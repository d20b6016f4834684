// Forks children, one after the other and in a tree: do they run, with numbers, memory and thread-local variables of
// their own?
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

namespace {
constinit thread_local int t_mine = 7;
constinit thread_local int t_zero;
constinit int g_shared = 1;
}  // namespace

int main() {
  printf("forktest: process %ld\n", getpid());
  for (int i = 1; i <= 3; ++i) {
    const auto pid = fork();
    if (pid == 0) {
      g_shared += i;
      t_mine += i;
      t_zero -= i;
      printf("child %ld of number %d: %d %d %d\n", getpid(), i, g_shared, t_mine, t_zero);
      exit(40 + i);
    }
    int status = 0;
    const auto ended = wait4(pid, &status);
    printf("parent: %ld ended with %d; %d %d %d\n", ended, exit_code_of(status), g_shared, t_mine, t_zero);
  }
  return 0;
}
