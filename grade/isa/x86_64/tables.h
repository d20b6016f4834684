// The tables that the witness of the discipline follows (Intel SDM vol. 3, 4.5).
#pragma once

#include <stdint.h>

typedef uint64_t Entry;
enum { kIndexBits = 9, kRootLevel = 3 };
