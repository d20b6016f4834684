// What libstdc++ calls where an index is out of range. With optimisation its checks vanish; without, they are real
// calls.
#include "kernel/base/check.h"

namespace std {
// The library's own signature, and so the only variadic function here.
void __throw_out_of_range_fmt(const char* format, ...) {
  check_failed("-", format, "libstdc++", 0);
}
}  // namespace std
