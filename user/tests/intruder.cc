// Goes where it may not: `intruder read ADDRESS`, `intruder write ADDRESS`, `intruder jump ADDRESS`. If the page tables
// are right, it does not live to tell.
#include <cstdint>

#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/string.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const std::uint64_t address = strtoul(argv[2], nullptr, 0);
  auto* const there = reinterpret_cast<volatile std::uint32_t*>(address);
  if (strcmp(argv[1], "read") == 0) printf("intruder: read 0x%x at 0x%lx\n", *there, address);
  if (strcmp(argv[1], "write") == 0) *there = 0x1badcafe;
  if (strcmp(argv[1], "jump") == 0) reinterpret_cast<void (*)()>(address)();
  printf("intruder: lived on after %s 0x%lx\n", argv[1], address);
  return 3;
}
