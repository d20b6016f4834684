// Does what programs may not do, each deed in a child of its own, and tells what became of the child. The list is the
// ISA's (misdeeds.h). `outlaw NUMBER VARIANT` is such a child.
#include <cstdint>

#include "misdeeds.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

namespace {

void try_in_child(unsigned number, unsigned variant) {
  char which[kDigits], how[kDigits];
  to_text(number, which);
  to_text(variant, how);
  const char* const arguments[] = {"outlaw", which, how, nullptr};
  int status = 0;
  const std::int64_t child = wait4(spawn("outlaw", arguments), &status);
  if (child < 0) {
    printf("outlaw: no child: %ld\n", child);
  } else if (signal_of(status) != 0) {
    printf("outlaw: %s %u signal %d\n", kMisdeeds[number].name, variant, signal_of(status));
  } else {
    printf("outlaw: %s %u survived\n", kMisdeeds[number].name, variant);
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3) {
    kMisdeeds[strtoul(argv[1], nullptr, 0)].commit(strtoul(argv[2], nullptr, 0));
    return getpid() > 0 ? 0 : 1;  // the kernel must find its way in and out as well
  }
  unsigned number = 0;
  for (const Misdeed& misdeed : kMisdeeds) {
    for (unsigned variant = 0; variant < misdeed.variants; ++variant) try_in_child(number, variant);
    ++number;
  }
  puts("outlaw: done");
  return 0;
}
