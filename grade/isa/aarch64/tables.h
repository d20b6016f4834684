// The tables that the witness of the discipline follows (Arm ARM D8.2.8, the 4 KiB granule).
#pragma once

#include <stdint.h>

typedef uint64_t Entry;
enum { kIndexBits = 9, kRootLevel = 3 };
