// The marker of aarch64, as user/lib/aarch64/marker.h has it: movz xzr, #ID, which is 0xd280001f + (ID << 5) (Arm ARM
// C6.2, MOVZ).
#include "grade/bench/marker.h"

const char kTarget[] = "aarch64";

unsigned marker_id(const uint8_t* bytes, size_t size) {
  if (size != 4) return 0;
  const uint32_t word = bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (uint32_t)bytes[3] << 24;  // on any host
  return (word & ~(0xffffu << 5)) == 0xd280001f ? word >> 5 & 0xffff : 0;
}
