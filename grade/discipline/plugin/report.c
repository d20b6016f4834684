#include "grade/discipline/plugin/report.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "grade/discipline/plugin/calls.h"
#include "grade/discipline/plugin/guest.h"

enum { kMost = 20 };

Counters* g_seen;
bool g_tells_all;
static FILE* g_lines;
static struct {
  const char* rule;
  uint64_t culprit;
} g_told[kMost];
static unsigned g_told_count;

bool open_report(const char* lines, const char* counters) {
  g_lines = fopen(lines, "w");
  const int file = open(counters, O_RDWR);
  if (g_lines == NULL || file < 0) return false;
  setvbuf(g_lines, NULL, _IOLBF, 0);  // QEMU may be killed: each line must be out at once
  g_seen = mmap(NULL, sizeof *g_seen, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  if (g_seen == MAP_FAILED) return false;
  g_seen->judging = 1;
  return true;
}

static void tell(const char* beginning, const char* name, const char* format, va_list values) {
  char text[kWhereText];
  const Where where = where_now();
  fprintf(g_lines, "%s%s at=%s moment=%" PRIu64 " ", beginning, name, where_text(&where, text), g_moment);
  vfprintf(g_lines, format, values);
  fputc('\n', g_lines);
}

void tell_violation(const char* rule, const char* format, ...) {
  va_list values;
  va_start(values, format);
  tell("violation rule=", rule, format, values);
  va_end(values);
}

void tell_event(const char* kind, const char* format, ...) {
  if (!g_tells_all) return;
  va_list values;
  va_start(values, format);
  tell("", kind, format, values);
  va_end(values);
}

static void tell_value(const char* name, const char* format, ...) {
  va_list values;
  va_start(values, format);
  tell("", name, format, values);
  va_end(values);
}

void tell_watched(uint64_t now) {
  char text[kWhereText];
  tell_value("watched", "now=%#" PRIx64 " called=%s", now, called_text(text));
}

bool is_new(const char* rule, uint64_t culprit) {
  ++g_seen->violations;
  if (g_told_count == kMost) stop_judging("there are too many different violations");
  if (!g_seen->judging) return false;
  for (unsigned i = 0; i < g_told_count; ++i) {
    if (strcmp(g_told[i].rule, rule) == 0 && g_told[i].culprit == culprit) return false;
  }
  g_told[g_told_count].rule = rule;
  g_told[g_told_count].culprit = culprit;
  ++g_told_count;
  return true;
}

void stop_judging(const char* why) {
  if (g_seen->judging) fprintf(g_lines, "unjudged %s\n", why);
  g_seen->judging = 0;
}
