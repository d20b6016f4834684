// Code that was written. An instruction fetch need not see a store: the line must be cleaned from the data cache, old
// instructions must go from the instruction cache, and each of the two must be awaited, in this order (Arm ARM B2.4.4).
// Followed by lines of RAM, and judged where user code executes them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Prepares for the RAM. False if there is no memory for it.
bool prepare_code(void);

// A store has been made there, of `size` bytes; by user code, or by the kernel.
void code_stored(uint64_t pa, uint64_t size);
// An entry has become live by which user code may execute that frame.
void code_mapped(uint64_t pa);

// The line is cleaned from the data cache.
void code_cleaned(uint64_t pa);
// Old instructions of one line, or all, go from the instruction cache.
void code_line_invalidated(uint64_t pa);
void code_invalidated(void);
// All that has been begun so far is complete.
void code_complete(void);

// User code executes from `va` to the byte before `end`: tells a violation if it may not see what was written.
void judge_code(uint64_t va, uint64_t end);
