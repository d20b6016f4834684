// What the witness must know of an ISA. One module for each ISA defines it: grade/isa/<ISA>/discipline.c.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tables.h"  // of grade/isa/<ISA>/: Entry, kIndexBits, kRootLevel

// --- entries; level 0 is that of the pages ---------------------------------------------------------------------------

enum { kPageBits = 12, kEntriesPerTable = 1 << kIndexBits };

typedef enum { kLoad, kStore, kFetch } Access;

bool entry_is_valid(uint64_t entry);
bool entry_is_table(uint64_t entry, unsigned level);
// Whether the leaf counts for all address spaces.
bool entry_is_global(uint64_t leaf);
// The physical address that it leads to: of a table, or where the page or block begins.
uint64_t entry_target(uint64_t entry, unsigned level);
// The entry without the bits that the CPU sets by itself.
uint64_t entry_as_written(uint64_t entry);
bool entry_permits(uint64_t leaf, Access access, bool user);
// Whether this entry may follow a valid one for the same addresses only after the old one is taken away and forgotten.
bool needs_break(uint64_t old, unsigned old_level, uint64_t now, unsigned level);

// --- addresses -------------------------------------------------------------------------------------------------------

// Roots that are loaded at the same time: 1, or 2, one for each half.
extern const unsigned kRoots;
// The root that serves an address.
unsigned root_of(uint64_t va);
// The address in front of which the entries of that root begin, and the full address of what the indices add up to.
uint64_t root_base(unsigned root);
uint64_t canonical(uint64_t va);

// --- what is remembered ----------------------------------------------------------------------------------------------

// Whether the walker sees a store only after a barrier, and an invalidation is complete only after one.
extern const bool kNeedsBarriers;
// Whether instruction fetches see each store at once.
extern const bool kFetchesSeeStores;

// --- instructions ----------------------------------------------------------------------------------------------------

// One that matters to translation. What the fields mean only the ISA's module knows.
typedef struct {
  uint64_t pc;
  int kind;  // 0: of no interest
  uint32_t word;
  int reg, base, index, scale;
  int64_t displacement;
  bool has_operand;  // it is read after the instruction
  bool calls, returns;
} Instruction;

// QEMU's name of the target.
extern const char kTarget[];
// QEMU's function that reads a register by GDB's number.
extern const char kRegisterReader[];

Instruction decode(const uint8_t* bytes, size_t size, uint64_t pc);
// Whether the CPU runs user code. The instruction then only faults.
bool is_user(void);
// Called before an instruction without operand, after one with it.
void execute(const Instruction* instruction);
// Called where a block of code begins.
void block_begins(uint64_t pc);
// Called before an access: what the ISA itself must say about it.
void accessed(uint64_t va);
