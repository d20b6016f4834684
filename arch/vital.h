// What the CPU cannot do without while a root is loaded.
#pragma once

#include "kernel/base/addr.h"

struct Vital {
  char name[16];  // characters, not a pointer: constants of the kernel hold none (docs/limits.md)
  VirtAddr address;
};
