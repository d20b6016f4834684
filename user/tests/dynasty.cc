// Children and their children: `dynasty CHILDREN GENERATIONS`. Each process prints a word that is in the memory of the
// first, its own number and its parent's, then has its children, and waits for all of them.
#include <cstdint>

#include "user/lib/judged_call.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

extern "C" {
char g_word[16] = "dynasty";  // whoever looks on from outside may change it
}

namespace {

// Has the children of one process, and theirs. Returns how many ended well, in all.
int have_children(std::uint64_t children, std::uint64_t generations) {
  const std::int64_t self = getpid();
  if (generations == 0) return 0;
  for (std::uint64_t i = 0; i < children; ++i) {
    if (fork() != 0) continue;
    call_returned(getpid());
    printf("%s: process %ld, child %lu of %ld\n", g_word, getpid(), i, self);
    exit(have_children(children, generations - 1));
  }
  int status = 0, count = 0;
  while (wait4(-1, &status) > 0) count += signal_of(status) == 0 ? 1 + exit_code_of(status) : 0;
  return count;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 0;
  g_word[sizeof g_word - 1] = 0;  // it is there: who looks on may change it
  call_comes();
  return have_children(strtoul(argv[1], nullptr, 0), strtoul(argv[2], nullptr, 0));
}
