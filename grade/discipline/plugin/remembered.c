#include "grade/discipline/plugin/remembered.h"

#include <inttypes.h>
#include <stdio.h>

#include "grade/discipline/plugin/calls.h"
#include "grade/discipline/plugin/guest.h"
#include "grade/discipline/plugin/report.h"

// How far the CPU is on the way to forgetting: it may not have seen the change yet; has, and may remember; is
// forgetting; has forgotten, and may have begun instructions before that.
typedef enum { kWritten, kSeen, kInvalidated, kForgotten } State;
static const char* const kStates[] = {"written", "seen", "invalidated", "forgotten"};

typedef struct {
  Place place;
  uint64_t size, entry;
  bool is_table, is_global, of_former_root;
  unsigned address_space;
  uint64_t root;  // it was below
  State state;
  Where changed;
  Where before;  // the last invalidation of one address, if it was one of these, and came before the change; else 0
  Where early;   // an invalidation that came too early to count; its pc is 0 if there was none
} Remembered;

enum { kMost = 1 << 16, kBuckets = 1 << 12 };

uint64_t g_roots[2];
unsigned g_address_space;
static Remembered g_records[kMost];
static unsigned g_count, g_version;
// The last invalidation of one address.
static uint64_t g_last_va;
static Where g_last;
// Which addresses a record may be about: pages by a hash, all others by the lowest and highest.
static unsigned g_pages[kBuckets], g_wide;
static uint64_t g_wide_start, g_wide_end;

static unsigned bucket(uint64_t va) {
  return va >> kPageBits & (kBuckets - 1);
}

static bool is_page(const Remembered* record) {
  return record->size == kPage;
}

static bool covers(const Remembered* record, uint64_t va) {
  return va - record->place.va < record->size;
}

// Whether the CPU would use it in that address space: what is not a user's is everybody's.
static bool counts_in(const Remembered* record, unsigned space) {
  return record->is_global || record->address_space == space || record->place.va >= g_users_end;
}

static bool counts_now(const Remembered* record) {
  return counts_in(record, g_address_space);
}

static void count_record(const Remembered* record, int by) {
  if (is_page(record)) {
    g_pages[bucket(record->place.va)] += by;
    return;
  }
  g_wide += by;
  const uint64_t start = record->place.va, last = start + record->size - 1;
  if (by < 0) return;
  if (g_wide == 1 || start < g_wide_start) g_wide_start = start;
  if (g_wide == 1 || last > g_wide_end) g_wide_end = last;
}

void remember(Place place, uint64_t entry, bool of_former_root) {
  if (g_count == kMost) return stop_judging("more than 65536 translations are remembered");
  const bool is_table = entry_is_table(entry, place.level);
  Remembered* record = &g_records[g_count++];
  *record = (Remembered){
      .place = place,
      .size = size_of_level(place.level),
      .entry = entry,
      .is_table = is_table,
      .is_global = !is_table && entry_is_global(entry),
      .of_former_root = of_former_root,
      .address_space = g_address_space,
      .root = g_roots[root_of(place.va)],
      .state = kNeedsBarriers ? kWritten : kSeen,
      .changed = where_now(),
  };
  if (covers(record, g_last_va)) record->before = g_last;
  count_record(record, 1);
  ++g_version;
}

static void forget(unsigned index) {
  count_record(&g_records[index], -1);
  g_records[index] = g_records[--g_count];
}

static bool is_covered(const Remembered* record, const Invalidation* what) {
  if (record->is_table && what->keeps_tables) return false;
  if (record->is_table && what->drops_all_tables) return true;
  if (record->is_global && what->keeps_global) return false;
  if (!what->all_spaces && !counts_in(record, what->address_space)) return false;
  return what->all_addresses || covers(record, what->va);
}

void tell_invalidation(const Invalidation* what) {
  const char* but = what->keeps_global ? "-but-what-is-global" : what->all_spaces ? "" : "-of-one-address-space";
  if (what->all_addresses) {
    tell_event("invalidate", "what=everything%s", but);
  } else {
    tell_event("invalidate", "what=%#" PRIx64 "%s", what->va, but);
  }
}

void invalidate(const Invalidation* what) {
  ++g_seen->invalidations;
  if (!what->all_addresses) {
    g_last_va = what->va;
    g_last = where_now();
  }
  for (unsigned i = g_count; i-- > 0;) {
    Remembered* record = &g_records[i];
    if (!is_covered(record, what)) continue;
    if (!kNeedsBarriers) {
      forget(i);
    } else if (record->state == kSeen) {
      record->state = kInvalidated;
    } else if (record->state == kWritten) {
      record->early = where_now();
    }
  }
}

void stores_are_seen(void) {
  for (unsigned i = 0; i < g_count; ++i) {
    if (g_records[i].state == kWritten && !g_records[i].of_former_root) g_records[i].state = kSeen;
  }
}

void invalidations_are_complete(void) {
  for (unsigned i = 0; i < g_count; ++i) {
    if (g_records[i].state == kInvalidated) g_records[i].state = kForgotten;
  }
}

void instructions_begin_again(void) {
  for (unsigned i = g_count; i-- > 0;) {
    Remembered* record = &g_records[i];
    if (record->state == kForgotten) {
      forget(i);
    } else if (record->state == kWritten && record->of_former_root) {
      record->state = kSeen;
    }
  }
}

// --- judging ---------------------------------------------------------------------------------------------------------

// Tells a violation by the instruction at g_pc. `what` has more names and values.
static void violation(const char* rule, const Remembered* record, const char* what) {
  if (!is_new(rule, record->changed.pc)) return;
  char changed[kWhereText], early[kWhereText], before[kWhereText];
  tell_violation(rule,
                 "%s old-va=%#" PRIx64 " old-target=%#" PRIx64 " old-level=%u old-table=%d old-slot=%#" PRIx64
                 " old-global=%d old-root=%d old-state=%s old-at=%s early-at=%s before-at=%s",
                 what, record->place.va, entry_target(record->entry, record->place.level), record->place.level,
                 record->is_table, record->place.slot, record->is_global, record->of_former_root,
                 kStates[record->state], where_text(&record->changed, changed), where_text(&record->early, early),
                 where_text(&record->before, before));
}

static Translation translation_now(uint64_t va) {
  const uint64_t root = g_roots[root_of(va)];
  return root == 0 ? (Translation){0} : walk_from(root, kRootLevel, va);
}

static Translation translation_then(const Remembered* record, uint64_t va) {
  if (!record->is_table) return (Translation){record->entry, record->place.level};
  return walk_from(entry_target(record->entry, record->place.level), record->place.level - 1, va);
}

// Whether an access may go elsewhere, or be permitted by the old translation alone.
static bool is_misled(const Remembered* record, uint64_t va, Access access, bool user) {
  const Translation then = translation_then(record, va), now = translation_now(va);
  if (then.leaf == 0) return now.leaf != 0;
  if (now.leaf == 0 || physical(then, va) != physical(now, va)) return entry_permits(then.leaf, access, user);
  return entry_permits(then.leaf, access, user) && !entry_permits(now.leaf, access, user);
}

// Whether the CPU may refuse an access of the user's by the old translation that the new one permits. Only where both
// lead to the same place: a process that is refused what it was given is ended for it.
static bool is_refused(const Remembered* record, uint64_t va, Access access) {
  const Translation then = translation_then(record, va), now = translation_now(va);
  if (then.leaf == 0 || now.leaf == 0 || physical(then, va) != physical(now, va)) return false;
  return !entry_permits(then.leaf, access, true) && entry_permits(now.leaf, access, true);
}

void judge_access(uint64_t va, Access access) {
  static const char* const kAccesses[] = {"load", "store", "fetch"};
  if (g_count == 0) return;
  if (g_pages[bucket(va)] == 0 && (g_wide == 0 || va < g_wide_start || va > g_wide_end)) return;
  const bool user = g_pc < g_users_end && is_user();
  for (unsigned i = g_count; i-- > 0;) {
    const Remembered* record = &g_records[i];
    if (!covers(record, va) || !counts_now(record) || !is_misled(record, va, access, user)) continue;
    char what[128];
    const Translation now = translation_now(va);
    snprintf(what, sizeof what, "access=%s va=%#" PRIx64 " user=%d now=%#" PRIx64 " now-level=%u", kAccesses[access],
             va, user, now.leaf, now.level);
    violation("used", record, what);
    forget(i);
  }
}

// Whether user code could be misled or refused at one of the leaf's addresses, which is stored in `at`. What was below
// a table that is gone has records of its own.
static bool misleads_user(const Remembered* record, uint64_t* at) {
  if (record->is_table) return false;
  for (*at = record->place.va; *at - record->place.va < record->size; *at += kPage) {
    for (Access access = kLoad; access <= kFetch; ++access) {
      if (is_misled(record, *at, access, true) || is_refused(record, *at, access)) return true;
    }
  }
  return false;
}

void judge_user_code(void) {
  static unsigned judged;
  if (g_count == 0 || judged == g_version || !is_user()) return;
  judged = g_version;
  for (unsigned i = g_count; i-- > 0;) {
    const Remembered* record = &g_records[i];
    uint64_t va;
    if (record->state == kForgotten || record->place.va >= g_users_end) continue;
    if (!counts_now(record) || !misleads_user(record, &va)) continue;
    char what[64];
    snprintf(what, sizeof what, "va=%#" PRIx64, va);
    violation("user", record, what);
    forget(i);
  }
}

void judge_new_entry(Place place, uint64_t entry) {
  const uint64_t size = size_of_level(place.level);
  for (unsigned i = g_count; i-- > 0;) {
    const Remembered* record = &g_records[i];
    const bool overlaps = record->place.va - place.va < size || place.va - record->place.va < record->size;
    const bool same_place = record->place.va == place.va || record->place.level != place.level;
    if (!overlaps || !same_place || !counts_now(record) || record->state == kForgotten) continue;
    if (!needs_break(record->entry, record->place.level, entry, place.level)) continue;
    char what[96];
    snprintf(what, sizeof what, "va=%#" PRIx64 " slot=%#" PRIx64 " now=%#" PRIx64 " now-level=%u", place.va, place.slot,
             entry, place.level);
    violation("overlap", record, what);
    forget(i);
  }
}

void judge_release(uint64_t frame) {
  for (unsigned i = g_count; i-- > 0;) {
    const Remembered* record = &g_records[i];
    const uint64_t target = entry_target(record->entry, record->place.level);
    const uint64_t size = record->is_table ? kPage : record->size;
    if (frame - target >= size || !counts_now(record) || record->state == kForgotten) continue;
    char what[64];
    snprintf(what, sizeof what, "frame=%#" PRIx64, frame);
    violation("released", record, what);
    forget(i);
    return;
  }
}

void judge_address_space(unsigned space, unsigned which, uint64_t root) {
  for (unsigned i = g_count; i-- > 0;) {
    const Remembered* record = &g_records[i];
    if (!record->of_former_root || record->is_global || record->address_space != space) continue;
    if (record->state == kForgotten || root_of(record->place.va) != which) continue;
    if (record->root == root) {  // it is loaded again: what was remembered of it is no longer former
      forget(i);
      continue;
    }
    char what[64];
    snprintf(what, sizeof what, "space=%u", space);
    violation("space", record, what);
    return;
  }
}
