#include "grade/discipline/plugin/code.h"

#include <inttypes.h>
#include <stdlib.h>

#include "grade/discipline/plugin/calls.h"
#include "grade/discipline/plugin/guest.h"
#include "grade/discipline/plugin/remembered.h"
#include "grade/discipline/plugin/report.h"

enum { kLineBits = 6, kLine = 1 << kLineBits };

// What has happened to a line since the last store to it, and when: how many barriers had come, and 1; 0: it has not.
typedef struct {
  bool stored;
  uint32_t cleaned;
  uint32_t invalidated;  // it alone, after it had been cleaned
} Line;

// Who stored to a frame last, and who let user code execute it last.
typedef struct {
  Where stored, mapped;
} Owner;

static Line* g_lines;
static Owner* g_owners;
static uint32_t g_barriers = 1;
static uint32_t g_all_invalidated, g_all_gone;  // the last time that all were, and the last that is complete

bool prepare_code(void) {
  if (kFetchesSeeStores) return true;
  g_lines = calloc(g_ram_size >> kLineBits, sizeof *g_lines);
  g_owners = calloc(g_ram_size >> kPageBits, sizeof *g_owners);
  return g_lines != NULL && g_owners != NULL;
}

static Line* line_of(uint64_t pa) {
  return in_ram(pa) ? &g_lines[(pa - g_ram_base) >> kLineBits] : NULL;
}

void code_stored(uint64_t pa, uint64_t size) {
  if (kFetchesSeeStores || g_users_end == 0) return;
  for (uint64_t at = pa & -(uint64_t)kLine; at < pa + size && in_ram(at); at += kLine)
    *line_of(at) = (Line){.stored = true};
  g_owners[frame_number(pa)].stored = where_now();
}

void code_mapped(uint64_t pa) {
  if (!kFetchesSeeStores && in_ram(pa)) g_owners[frame_number(pa)].mapped = where_now();
}

void code_cleaned(uint64_t pa) {
  Line* line = line_of(pa);
  if (line != NULL && line->cleaned == 0) line->cleaned = g_barriers;
}

// Whether what was cleaned then had arrived where instruction fetches see it: after a barrier.
static bool has_arrived(const Line* line, uint32_t then) {
  return line->cleaned != 0 && line->cleaned < then;
}

void code_line_invalidated(uint64_t pa) {
  Line* line = line_of(pa);
  if (line != NULL && line->invalidated == 0 && has_arrived(line, g_barriers)) line->invalidated = g_barriers;
}

void code_invalidated(void) {
  g_all_invalidated = g_barriers;
}

void code_complete(void) {
  ++g_barriers;
  g_all_gone = g_all_invalidated;
}

static const char* state_of(const Line* line) {
  if (!line->stored || has_arrived(line, g_all_gone)) return NULL;
  if (line->invalidated != 0 && line->invalidated < g_barriers) return NULL;
  if (line->invalidated != 0 || has_arrived(line, g_all_invalidated)) return "unawaited";
  if (line->cleaned == 0) return "uncleaned";
  return line->cleaned < g_barriers ? "old" : "leaving";
}

static uint64_t g_violations;  // of this rule

static void tell_unfetched(uint64_t va, uint64_t pa, const char* state) {
  const Owner* owner = &g_owners[frame_number(pa)];
  const Where* by = owner->stored.pc < g_users_end ? &owner->mapped : &owner->stored;
  ++g_violations;
  if (!is_new("unfetched", by->returns[0])) return;
  char text[kWhereText];
  tell_violation("unfetched", "va=%#" PRIx64 " pa=%#" PRIx64 " code-state=%s by-user=%d old-at=%s", va, pa, state,
                 by == &owner->mapped, where_text(by, text));
}

// Code that may write to itself must see to it by itself. After a violation of another rule it is not known which frame
// was cleaned.
void judge_code(uint64_t va, uint64_t end) {
  if (g_roots[root_of(va)] == 0 || g_seen->violations != g_violations) return;
  for (uint64_t at = va & -(uint64_t)kLine; at < end; at += kLine) {
    const Translation found = walk_from(g_roots[root_of(at)], kRootLevel, at);
    if (found.leaf == 0 || !entry_permits(found.leaf, kFetch, true) || entry_permits(found.leaf, kStore, true)) return;
    const uint64_t pa = physical(found, at);
    const Line* line = line_of(pa);
    if (line == NULL) return;
    const char* state = state_of(line);
    if (state != NULL) tell_unfetched(at, pa, state);
  }
}
