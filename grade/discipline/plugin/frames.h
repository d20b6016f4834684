// The allocator's records, a number of shares for each frame: when the last share is given back, the frame is free.
// (kernel/frames/frame_allocator.h; no student writes them.)
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Where the records are, which is also the first frame that has one; the size of a record; where in it the shares are.
bool prepare_frames(uint64_t first, uint64_t record_size, uint64_t shares_offset);

// A store has been made there.
void frames_stored(uint64_t pa);
