// The tables that the hardware may walk now: those below the roots that are loaded. Every store to one of them is seen
// here, and what it means for what the CPU may remember.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "grade/discipline/plugin/isa.h"

// Prepares for the RAM. False if there is no memory for it.
bool prepare_tables(void);

// The hardware walks below another root from now on; 0: below none. `space` is the number of its address space.
void set_root(unsigned which, uint64_t root, unsigned space);

// A store has been made to the frame of `pa`, of `size` bytes.
void stored(uint64_t pa, unsigned size);
// The whole frame may have changed, by something that the witness does not see.
void look_again(uint64_t pa);

// Barriers: stores so far come before later ones; the walker sees all stores so far.
void stores_are_ordered(void);
// The store of the instruction at `pc` comes after all before it.
void release_begins(uint64_t pc);
void walker_sees_stores(void);
// No instruction that comes now was begun earlier.
void instructions_are_new(void);

// Tells a violation if the address is used by way of an entry that the walker may not see yet.
void judge_use(uint64_t va);

// Tells a violation if a frame is given back that the hardware still reaches: a live table, or a user's page.
void judge_loss(uint64_t frame);
