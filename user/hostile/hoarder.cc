// Takes memory until there is no more, by system calls that say so: nobody need be killed. Then it asks for more in
// every way, gives all back, and asks again. `hoarder SIZE...`: how far apart the pages are that it takes, one pass for
// each SIZE. A GiB or 2 MiB needs tables for each page, 4 KiB hardly any.
#include <cstddef>
#include <cstdint>

#include "kernel/calls/error_numbers.h"
#include "user/lib/judged_call.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kHoard = std::uint64_t{16} << 40, kHoardSize = std::uint64_t{16} << 40;
constexpr std::uint64_t kFar = std::uint64_t{3} << 40;  // no table there but the root

template <typename T>
T* pointer_to(std::uint64_t address) {
  return reinterpret_cast<T*>(address);
}

// Promises anew: whatever was there is given back.
std::int64_t promise(std::uint64_t at, std::uint64_t size) {
  using namespace memory_options;
  return mmap(pointer_to<void>(at), size, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous | kMapFixed);
}

// Brings a page: the kernel looks there for the name of a program, and finds an empty one. -ENOENT if it is there now.
std::int64_t bring(std::uint64_t address) {
  return execve(pointer_to<const char>(address), nullptr);
}

// 0 if there is no more memory for pages that far apart.
std::int64_t fill(std::uint64_t distance) {
  std::uint64_t at = kHoard;
  std::int64_t result = -error_numbers::kENOENT;
  for (; result == -error_numbers::kENOENT && at < kHoard + kHoardSize; at += distance) result = bring(at);
  return result == -error_numbers::kENOMEM ? 0 : 1;
}

std::int64_t start_child() {
  const std::int64_t pid = fork();
  if (pid == 0) exit(0);
  return pid;
}

std::int64_t end_of(std::int64_t pid) {
  int status = -1;
  if (pid < 0) return pid;
  return wait4(pid, &status) == pid ? status : 1;
}

// Waits for `child`, and has its status put where no page is yet.
std::int64_t await(std::int64_t child) {
  const std::int64_t result = wait4(child, pointer_to<int>(kFar));
  return result == child ? 0 : result;
}

// Asks for memory; the grader looks at each result.
void ask(std::int64_t child, const char* program) {
  const char* const arguments[] = {program, nullptr};
  call_returned(end_of(start_child()));
  call_returned(end_of(spawn("nothing", arguments)));
  call_returned(nanosleep(pointer_to<Duration>(kFar)));
  promise(kFar, kPage);
  call_returned(await(child));
  promise(kFar, kPage);
  call_returned(execve(program, arguments));
}

// Waits until somebody types, and then touches a page.
std::int64_t start_victim() {
  const std::int64_t pid = fork();
  if (pid != 0) return pid;
  char typed = 0;
  read(0, &typed, 1);
  *pointer_to<volatile char>(kFar) = typed;
  exit(0);
}

}  // namespace

int main(int argc, char** argv) {
  if (promise(kHoard, kHoardSize) < 0 || promise(kFar, kPage) < 0) return 1;
  call_comes();
  ask(start_child(), "no-such-program");  // and what this takes of code and stack is there later as well
  const std::int64_t child = start_child(), victim = start_victim();
  std::int64_t wrong = 0;
  for (int i = 1; i < argc; ++i) wrong |= fill(strtoul(argv[i], nullptr, 0));
  call_returned(wrong);

  call_comes();
  ask(child, "nothing");
  call_comes();
  call_returned(end_of(victim));
  if (munmap(pointer_to<void>(kHoard), kHoardSize) != 0) return 2;
  call_comes();
  ask(child, "nothing");
  return 3;
}
