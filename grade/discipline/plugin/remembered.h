// What the CPU may remember although the tables no longer say it: a record for each entry that was valid and is not
// what it was, until an invalidation that covers it is complete (Intel SDM vol. 3, 4.10; Arm ARM D8.13). Whether the
// TLB of this QEMU has kept it does not matter.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "grade/discipline/plugin/isa.h"

// The roots that are loaded, by isa.h's numbers; 0: none. All user translations are of one address space at a time.
extern uint64_t g_roots[2];
extern unsigned g_address_space;

// What an invalidation covers.
typedef struct {
  bool all_addresses;
  uint64_t va;      // else what translates this address
  bool all_spaces;  // else one address space, and what is global
  unsigned address_space;
  bool keeps_global;      // leaves that are global stay
  bool keeps_tables;      // only leaves go
  bool drops_all_tables;  // tables go wherever they are
  bool is_nothing;        // nothing of the kernel's
} Invalidation;

// An entry of a live table.
typedef struct {
  uint64_t slot;  // where it is
  uint64_t va;    // the first address that it translates
  unsigned level;
} Place;

// Remembers an entry that was valid, and is no longer what it was; or that belongs to a root that is no longer loaded.
void remember(Place place, uint64_t entry, bool of_former_root);
void invalidate(const Invalidation* what);
void tell_invalidation(const Invalidation* what);
// Barriers: the walker sees all stores so far; all invalidations so far are complete; no instruction that comes now was
// begun earlier, and the roots that are loaded are the only ones that are walked.
void stores_are_seen(void);
void invalidations_are_complete(void);
void instructions_begin_again(void);

// Each tells a violation, if it is one:
// an access, which has just been made, through what may be remembered;
void judge_access(uint64_t va, Access access);
// user code that goes on, while an address of its own may mean something else to the CPU;
void judge_user_code(void);
// a valid entry in a place of which another translation may be remembered;
void judge_new_entry(Place place, uint64_t entry);
// a frame that is given back while something that is remembered leads to it.
void judge_release(uint64_t frame);
// a root that gets the number of an address space of which translations below another root are remembered.
void judge_address_space(unsigned space, unsigned which, uint64_t root);
