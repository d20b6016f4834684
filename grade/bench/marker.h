// What the counter must know of an ISA: its markers. One module for each ISA defines it: grade/isa/<ISA>/marker.c.
#pragma once

#include <stddef.h>
#include <stdint.h>

// QEMU's name of the target.
extern const char kTarget[];

// A marker is an instruction without effect that nothing else would use. Returns its ID, from 1 to 0xffff, or 0 if this
// is another instruction.
unsigned marker_id(const uint8_t* bytes, size_t size);
