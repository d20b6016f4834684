// Goes where it must not go: reads, writes, jumps to and puts its stack at each address that it is given, each in a
// child of its own, and tells what became of the child. `trespass DEED ADDRESS` is such a child.
#include <cstdint>

#include "stack.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/string.h"
#include "user/lib/system_calls.h"

namespace {

constexpr const char* kDeeds[] = {"read", "write", "jump", "stack"};

// Comes back, if ever, with the exit code.
int commit(const char* deed, std::uint64_t address) {
  if (strcmp(deed, "read") == 0) static_cast<void>(*reinterpret_cast<volatile std::uint64_t*>(address));
  if (strcmp(deed, "write") == 0) *reinterpret_cast<volatile std::uint64_t*>(address) = 0x4711;
  if (strcmp(deed, "jump") == 0) reinterpret_cast<void (*)()>(address)();
  if (strcmp(deed, "stack") == 0) {
    // A stack pointer may be anything, as long as it is not used: the kernel has a stack of its own.
    if (getpid_with_stack_at(address) != getpid()) return 1;
    push_with_stack_at(address);
  }
  return 0;
}

void try_in_child(const char* deed, const char* address) {
  const char* const arguments[] = {"trespass", deed, address, nullptr};
  int status = 0;
  const std::int64_t child = wait4(spawn("trespass", arguments), &status);
  if (child < 0) printf("trespass: no child: %ld\n", child);
  printf("trespass: %s %s signal %d code %d\n", deed, address, signal_of(status), exit_code_of(status));
}

}  // namespace

int main(int argc, char** argv) {
  const bool is_child = argc == 3 && argv[1][0] >= 'a';
  if (is_child) return commit(argv[1], strtoul(argv[2], nullptr, 0));
  for (int i = 1; i < argc; ++i) {
    for (const char* deed : kDeeds) try_in_child(deed, argv[i]);
  }
  return 0;
}
