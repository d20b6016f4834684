// Takes memory and processes until there are no more: starts itself again and waits for the copy, which does the same.
// The last one gets an error, or is killed because a page that was promised cannot be had. All give it on as their exit
// code, so that the first one can tell which it was.
#include <cstdint>

#include "kernel/calls/error_numbers.h"
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

namespace {

constexpr int kKill = 9;  // Linux's SIGKILL

// Enough that 64 MiB of RAM are used up before the numbers of processes are.
constexpr std::uint64_t kHoard = 0x8'0000;
volatile char g_hoard[kHoard];

}  // namespace

int main(int argc, char**) {
  for (std::uint64_t at = 0; at < kHoard; at += 4096) g_hoard[at] = 1;  // a page counts when it is touched
  const bool is_first = argc == 1;
  const char* const arguments[] = {"glutton", "again", nullptr};
  const std::int64_t child = spawn("glutton", arguments);
  if (child < 0) return static_cast<int>(-child);
  int status = 0;
  wait4(child, &status);
  const int error = signal_of(status) == kKill ? static_cast<int>(error_numbers::kENOMEM) : exit_code_of(status);
  if (is_first) printf("glutton: the last one got error %d\n", error);
  return error;
}
