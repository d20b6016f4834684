// A child for user/tests/family.cc to have: does what its first argument says. A program of its own, so that a kernel
// that loses the arguments does not make parents without end.
#include <cstdint>

#include "user/lib/stdlib.h"
#include "user/lib/string.h"
#include "user/lib/system_calls.h"

namespace {

constexpr int kTurns = 200;

// Gives the others their turns for a while.
int dawdle() {
  for (int i = 0; i < kTurns; ++i) sched_yield();
  return 5;
}

// The stack of a new process: 16-aligned argc, argv, no environment, no auxiliary vector. Returns what is wrong there.
int look_at_arguments(int argc, char** argv) {
  if (argc != 3 || strcmp(argv[0], "child") != 0 || strcmp(argv[1], "look") != 0) return 1;
  if (strcmp(argv[2], "at two words") != 0) return 2;
  for (int i = 3; i < 7; ++i) {
    if (argv[i] != nullptr) return 3;  // the ends of argv and of the environment, and AT_NULL with its value
  }
  return bits_of(argv - 1) % 16 == 0 ? 0 : 4;
}

// Has a child, too, that goes on for a while, and does not wait for it.
int leave_an_orphan() {
  const char* const arguments[] = {"child", "dawdle", nullptr};
  return spawn("child", arguments) > 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 0) return argv[0] == nullptr ? 90 : 91;
  const char* const task = argc > 1 ? argv[1] : "";
  if (strcmp(task, "dawdle") == 0) return dawdle();
  if (strcmp(task, "orphan") == 0) return leave_an_orphan();
  if (strcmp(task, "look") == 0) return look_at_arguments(argc, argv);
  if (strcmp(task, "another") == 0) return strcmp(argv[0], "by another name") == 0 ? 0 : 1;
  if (strcmp(task, "pid") == 0) return static_cast<int>(getpid());
  if (argc < 3) return 99;
  if (strcmp(task, "exit") == 0) return atoi(argv[2]);
  if (strcmp(task, "touch") == 0) *reinterpret_cast<volatile int*>(strtoul(argv[2], nullptr, 0)) = 1;
  return 98;
}
