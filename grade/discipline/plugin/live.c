#include "grade/discipline/plugin/live.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "grade/discipline/plugin/calls.h"
#include "grade/discipline/plugin/code.h"
#include "grade/discipline/plugin/guest.h"
#include "grade/discipline/plugin/remembered.h"
#include "grade/discipline/plugin/report.h"
#include "grade/discipline/plugin/settled.h"

// What is known of a frame.
typedef struct {
  Entry* entries;      // of a live table: as they were when last looked at
  uint64_t base;       // of a live table: the first address that it translates
  uint64_t user_page;  // a user's address that leads to it
  uint64_t stored;     // the moment of the last store
  unsigned users;      // how many leaves of users lead to it
  unsigned char level;
  bool live;
} FrameState;

static FrameState* g_frames;
static uint64_t g_ordered, g_walker_sees;  // the moments of the last barriers
static uint64_t g_release;                 // the last instruction whose own store comes after all before it

// New entries that an instruction may not see yet. More are not followed: who forgets the barriers forgets these as
// well.
enum { kMostUnseen = 64 };
static struct {
  uint64_t va, size, slot;
  Where written;
  bool walker_sees;  // but the instruction may have been begun before
} g_unseen[kMostUnseen];
static unsigned g_unseen_count;

bool prepare_tables(void) {
  g_frames = calloc(g_ram_size >> kPageBits, sizeof *g_frames);
  return g_frames != NULL;
}

static FrameState* frame_of(uint64_t pa) {
  return in_ram(pa) ? &g_frames[frame_number(pa)] : NULL;
}

static uint64_t va_of(uint64_t base, unsigned level, unsigned index) {
  return canonical(base + index * size_of_level(level));
}

static void count_leaf(Place place, uint64_t entry, int by) {
  FrameState* frame = frame_of(entry_target(entry, place.level));
  if (place.level != 0 || frame == NULL || g_users_end == 0 || !entry_permits(entry, kLoad, true)) return;
  frame->users += by;
  if (by <= 0) return;
  frame->user_page = place.va;
  if (entry_permits(entry, kFetch, true)) code_mapped(entry_target(entry, place.level));
}

// --- trees that come and go ------------------------------------------------------------------------------------------

static void attach(uint64_t table, unsigned level, uint64_t base, bool linked);

// An entry is part of the live tree now. `linked`: it was put there, and not found under a root that was loaded.
static void come(Place place, uint64_t entry, bool linked) {
  if (!entry_is_valid(entry)) return;
  if (entry_is_table(entry, place.level)) {
    attach(entry_target(entry, place.level), place.level - 1, place.va, linked);
  } else {
    count_leaf(place, entry, 1);
  }
}

static void tell_unseen_table(uint64_t table, uint64_t base) {
  if (!is_new("linked", g_pc)) return;
  tell_violation("linked", "table=%#" PRIx64 " va=%#" PRIx64, table, base);
}

// Whether the walker is certain to see what is in a table: before the store that links it, or at once.
static bool is_seen(const FrameState* table, bool linked) {
  if (linked && g_pc == g_release) return true;
  return table->stored <= (linked ? g_ordered : g_walker_sees);
}

static void attach(uint64_t table, unsigned level, uint64_t base, bool linked) {
  FrameState* frame = frame_of(table);
  if (frame == NULL) return;  // the walker finds nothing there
  if (frame->live && frame->level == level && frame->base == base) return;
  if (frame->live) return stop_judging("a frame is a table in two places");
  if (kNeedsBarriers && !is_seen(frame, linked)) tell_unseen_table(table, base);
  if (frame->entries == NULL) frame->entries = malloc(kPage);
  if (frame->entries == NULL) return stop_judging("there is no memory left");
  frame->live = true;
  frame->level = level;
  frame->base = base;
  for (unsigned i = 0; i < kEntriesPerTable; ++i) {
    frame->entries[i] = read_entry(table + i * sizeof *frame->entries);
    const Place place = {table + i * sizeof *frame->entries, va_of(base, level, i), level};
    if (linked && entry_is_valid(frame->entries[i])) judge_new_entry(place, frame->entries[i]);
    come(place, frame->entries[i], linked);
  }
}

// An entry is no longer part of the live tree; what it and all below it say may be remembered.
static void go(Place place, uint64_t entry, bool with_root) {
  if (!entry_is_valid(entry)) return;
  remember(place, entry, with_root);
  if (!entry_is_table(entry, place.level)) return count_leaf(place, entry, -1);
  const uint64_t table = entry_target(entry, place.level);
  FrameState* frame = frame_of(table);
  if (frame == NULL || !frame->live) return;
  frame->live = false;
  for (unsigned i = 0; i < kEntriesPerTable; ++i) {
    go((Place){table + i * sizeof *frame->entries, va_of(place.va, place.level - 1, i), place.level - 1},
       frame->entries[i], with_root);
  }
}

// --- stores ----------------------------------------------------------------------------------------------------------

static void become_unseen(Place place) {
  if (!kNeedsBarriers || g_unseen_count == kMostUnseen) return;
  g_unseen[g_unseen_count].va = place.va;
  g_unseen[g_unseen_count].size = size_of_level(place.level);
  g_unseen[g_unseen_count].slot = place.slot;
  g_unseen[g_unseen_count].walker_sees = false;
  g_unseen[g_unseen_count++].written = where_now();
}

static void tell_replaced(Place place, uint64_t old, uint64_t now) {
  if (!is_new("replaced", g_pc)) return;
  tell_violation("replaced", "va=%#" PRIx64 " slot=%#" PRIx64 " old-entry=%#" PRIx64 " now=%#" PRIx64 " now-level=%u",
                 place.va, place.slot, old, now, place.level);
}

static bool leads_to_same_table(uint64_t old, uint64_t now, unsigned level) {
  return entry_is_table(old, level) && entry_is_valid(now) && entry_is_table(now, level) &&
         entry_target(old, level) == entry_target(now, level);
}

static void entry_changed(Place place, uint64_t old, uint64_t now) {
  ++g_seen->entries;
  tell_event("entry", "slot=%#" PRIx64 " level=%u va=%#" PRIx64 " old=%#" PRIx64 " now=%#" PRIx64, place.slot,
             place.level, place.va, old, now);
  if (leads_to_same_table(old, now, place.level)) return remember(place, old, false);
  const bool direct = entry_is_valid(old) && entry_is_valid(now) && needs_break(old, place.level, now, place.level);
  if (direct) tell_replaced(place, old, now);
  if (!direct && entry_is_valid(now)) judge_new_entry(place, now);
  go(place, old, false);
  come(place, now, true);
  if (!entry_is_valid(old) && entry_is_valid(now)) become_unseen(place);
}

// Looks at the entries from `first` to `last` again.
static void compare(uint64_t pa, unsigned first, unsigned last) {
  FrameState* frame = frame_of(pa);
  for (unsigned i = first; i <= last && frame->live; ++i) {
    const uint64_t slot = (pa & -(uint64_t)kPage) + i * sizeof *frame->entries;
    const Entry old = frame->entries[i], now = read_entry(slot);
    frame->entries[i] = now;
    if (old != now) entry_changed((Place){slot, va_of(frame->base, frame->level, i), frame->level}, old, now);
  }
}

void stored(uint64_t pa, unsigned size) {
  FrameState* frame = frame_of(pa);
  frame->stored = g_moment;
  if (!frame->live) return;
  const unsigned offset = pa & (kPage - 1), last = offset + size - 1;
  compare(pa, offset / sizeof *frame->entries, (last < kPage ? last : kPage - 1) / sizeof *frame->entries);
}

void look_again(uint64_t pa) {
  FrameState* frame = frame_of(pa);
  if (frame == NULL) return;
  frame->stored = ++g_moment;
  if (frame->live) compare(pa, 0, kEntriesPerTable - 1);
}

// --- roots -----------------------------------------------------------------------------------------------------------

void set_root(unsigned which, uint64_t root, unsigned space) {
  ++g_seen->roots;
  tell_event("root", "which=%u root=%#" PRIx64 " space=%u", which, root, space);
  judge_root(which, root);
  if (g_only_roots) {
    g_roots[which] = root;
    g_address_space = space;
    return;
  }
  const uint64_t former = g_roots[which];
  FrameState *was = former == 0 ? NULL : frame_of(former), *is = root == 0 ? NULL : frame_of(root);
  if (root != former && former != 0 && root != 0) judge_address_space(space, which, root);
  if (root == former || (is != NULL && is->live && is != was)) {
    if (root != former) stop_judging("a root is a table of another one");
    g_address_space = space;
    return;
  }
  Entry old[kEntriesPerTable] = {0}, now[kEntriesPerTable] = {0};
  if (was != NULL && was->live) memcpy(old, was->entries, sizeof old);
  for (unsigned i = 0; is != NULL && i < kEntriesPerTable; ++i) now[i] = read_entry(root + i * sizeof *now);
  for (unsigned i = 0; i < kEntriesPerTable; ++i) {  // what both have stays as it is
    if (old[i] != now[i])
      go((Place){former + i * sizeof *old, va_of(root_base(which), kRootLevel, i), kRootLevel}, old[i], true);
  }
  if (was != NULL) was->live = false;
  g_roots[which] = is == NULL ? 0 : root;
  g_address_space = space;
  if (is == NULL) return;
  if (is->entries == NULL) is->entries = malloc(kPage);
  if (is->entries == NULL) return stop_judging("there is no memory left");
  if (kNeedsBarriers && !is_seen(is, false)) tell_unseen_table(root, root_base(which));
  is->live = true;
  is->level = kRootLevel;
  is->base = root_base(which);
  memcpy(is->entries, now, sizeof now);
  for (unsigned i = 0; i < kEntriesPerTable; ++i) {
    if (old[i] != now[i])
      come((Place){root + i * sizeof *now, va_of(root_base(which), kRootLevel, i), kRootLevel}, now[i], false);
  }
}

// --- barriers, uses, releases ----------------------------------------------------------------------------------------

void stores_are_ordered(void) {
  g_ordered = g_moment;
}

void release_begins(uint64_t pc) {
  g_release = pc;
}

void walker_sees_stores(void) {
  g_ordered = g_walker_sees = g_moment;
  for (unsigned i = 0; i < g_unseen_count; ++i) g_unseen[i].walker_sees = true;
}

void instructions_are_new(void) {
  unsigned left = 0;
  for (unsigned i = 0; i < g_unseen_count; ++i) {
    if (!g_unseen[i].walker_sees) g_unseen[left++] = g_unseen[i];
  }
  g_unseen_count = left;
}

void judge_use(uint64_t va) {
  for (unsigned i = 0; i < g_unseen_count; ++i) {
    const Where* written = &g_unseen[i].written;
    if (va - g_unseen[i].va >= g_unseen[i].size || !is_new("unseen", written->pc)) continue;
    char text[kWhereText];
    tell_violation("unseen", "va=%#" PRIx64 " slot=%#" PRIx64 " walker-sees=%d old-at=%s", va, g_unseen[i].slot,
                   g_unseen[i].walker_sees, where_text(written, text));
  }
}

void judge_loss(uint64_t pa) {
  const FrameState* frame = frame_of(pa);
  if (frame == NULL || (!frame->live && frame->users == 0) || !is_new("lost", g_pc)) return;
  tell_violation("lost", "frame=%#" PRIx64 " table=%d va=%#" PRIx64, pa, frame->live,
                 frame->live ? frame->base : frame->user_page);
}
