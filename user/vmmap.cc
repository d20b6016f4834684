// Lists the areas of its own memory, as Linux's /proc/self/maps does: what may be done with each, how many of its pages
// are there, and what it is for. Nothing brings a page but touching it: most of what it lists is only promised.
#include "kernel/base/addr.h"
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

int main() {
  AreaDescription area;
  for (std::uint64_t i = 0; describe_area(i, &area) == 1; ++i) {
    printf("%012lx-%012lx %c%c%c %4lu of %4lu pages %s\n", area.start, area.end, area.read ? 'r' : '-',
           area.write ? 'w' : '-', area.execute ? 'x' : '-', area.present, (area.end - area.start) / kPageSize,
           area.kind);
  }
  return 0;
}
