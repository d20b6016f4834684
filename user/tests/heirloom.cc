// Thread-local variables through fork and execve: a child inherits what they hold, in memory of its own; a new program
// finds them as its file has them.
#include <cstdint>

#include "user/lib/judged_call.h"
#include "user/lib/system_calls.h"

namespace {

constinit thread_local volatile std::uint64_t t_initial = 0x1217;
constinit thread_local volatile std::uint64_t t_zero;

}  // namespace

// Whoever looks on from outside finds here where the variables are, and what the program itself finds there.
extern "C" {
volatile std::uint64_t* volatile g_initial = nullptr, * volatile g_zero = nullptr;
volatile std::uint64_t g_initial_seen = 0, g_zero_seen = 0;
}

namespace {

// Stops, to be looked at.
[[gnu::noinline]] void show() {
  g_initial = &t_initial;
  g_zero = &t_zero;
  g_initial_seen = t_initial;
  g_zero_seen = t_zero;
  call_comes();
}

[[noreturn]] void live_as_child() {
  show();
  t_initial = t_initial + 1;
  t_zero = t_zero - 1;
  show();
  const char* const arguments[] = {"heirloom", "again", nullptr};
  execve("heirloom", arguments);
  exit(1);
}

}  // namespace

int main(int argc, char**) {
  show();
  if (argc > 1) return 0;
  const std::int64_t child = fork();
  if (child == 0) live_as_child();
  int status = -1;
  const std::int64_t ended = wait4(child, &status);
  show();
  return ended == child && status == 0 ? 0 : 1;
}
