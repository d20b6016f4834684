// What the witness writes: a line for each violation, and counters. grade/discipline/record.py reads them.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// What was seen so far, in memory that is shared with the grader: QEMU may be killed at any moment.
typedef struct {
  uint64_t accesses, entries, invalidations, barriers, roots, releases, violations;
  uint64_t settled;  // 1 as soon as the monitor has begun, if it was named
  uint64_t judging;  // 1 as long as the witness judges
} Counters;

extern Counters* g_seen;
extern bool g_tells_all;  // each event has its line, and not only violations

// Opens what is written to. False if that fails.
bool open_report(const char* lines, const char* counters);

// Each writes a line with the instruction that is executed and who called it, then more names and values, as by printf:
// a violation of a rule; something that happened, if g_tells_all.
__attribute__((format(printf, 2, 3))) void tell_violation(const char* rule, const char* format, ...);
__attribute__((format(printf, 2, 3))) void tell_event(const char* kind, const char* format, ...);

// Writes a line for a store to the word that is watched, and what it holds now.
void tell_watched(uint64_t now);

// Counts a violation. True if it is to be told: no other one of that rule was by the same instruction, which is the one
// that left what may be remembered, where there is one. After many different ones nothing more is judged.
bool is_new(const char* rule, uint64_t culprit);

// Says why the run cannot be judged, and judges nothing from here on.
void stop_judging(const char* why);
