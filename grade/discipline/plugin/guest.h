// The guest as the witness sees it: its RAM, its registers, and a walk of its tables.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "grade/discipline/plugin/isa.h"

enum { kPage = 1 << kPageBits };

// The RAM, which QEMU shares with us.
extern const uint8_t* g_ram;
extern uint64_t g_ram_base, g_ram_size;
// User code lies below this address; 0 in kernels without processes.
extern uint64_t g_users_end;
// The instruction that is executed, and how many accesses came before it.
extern uint64_t g_pc, g_moment;

bool in_ram(uint64_t pa);
uint64_t read_word(uint64_t pa);
// An entry of a table, without the bits that the CPU sets by itself.
Entry read_entry(uint64_t pa);
// The number of the frame in RAM.
uint64_t frame_number(uint64_t pa);
uint64_t size_of_level(unsigned level);

// Finds QEMU's functions. False if this QEMU does not offer them.
bool find_register_reader(void);
// A general register by GDB's number. Valid only in the callback that follows an instruction which QEMU leaves to a
// helper: before it, values may be in the host's registers.
uint64_t read_register(int number);

// A translation: the leaf and its level, or no leaf (0).
typedef struct {
  uint64_t leaf;
  unsigned level;
} Translation;

// Walks from a table of that level.
Translation walk_from(uint64_t table, unsigned level, uint64_t va);
// The physical address that a leaf gives to an address.
uint64_t physical(Translation translation, uint64_t va);
