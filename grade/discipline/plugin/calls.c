#include "grade/discipline/plugin/calls.h"

#include <inttypes.h>
#include <stdio.h>

#include "grade/discipline/plugin/guest.h"

enum { kDepth = 64 };

static uint64_t g_stack[kDepth], g_called[kDepth];  // where a call returns to, and where it went
static unsigned g_depth;
static bool g_calling, g_returning;

Where where_now(void) {
  Where where = {.pc = g_pc};
  for (unsigned i = 0; i < kCallers && i < g_depth; ++i) where.returns[i] = g_stack[g_depth - 1 - i];
  return where;
}

const char* where_text(const Where* where, char* buffer) {
  int length = snprintf(buffer, kWhereText, "%#" PRIx64, where->pc);
  for (unsigned i = 0; i < kCallers && where->returns[i] != 0; ++i) {
    length += snprintf(buffer + length, (size_t)(kWhereText - length), ",%#" PRIx64, where->returns[i]);
  }
  return buffer;
}

const char* called_text(char* buffer) {
  int length = snprintf(buffer, kWhereText, "%#" PRIx64, g_depth > 0 ? g_called[g_depth - 1] : 0);
  for (unsigned i = 1; i < kCallers && i < g_depth; ++i) {
    length += snprintf(buffer + length, (size_t)(kWhereText - length), ",%#" PRIx64, g_called[g_depth - 1 - i]);
  }
  return buffer;
}

void call_begins(uint64_t return_address) {
  if (g_depth == kDepth) {  // the oldest is of no interest
    for (unsigned i = 1; i < kDepth; ++i) g_stack[i - 1] = g_stack[i], g_called[i - 1] = g_called[i];
    --g_depth;
  }
  g_called[g_depth] = 0;
  g_stack[g_depth++] = return_address;
  g_calling = true;
}

void return_begins(void) {
  g_returning = true;
}

// A return to an address that no call is waiting for is one to another stack: who called there is not known.
void goes_on_at(uint64_t pc) {
  if (g_calling) g_called[g_depth - 1] = pc;
  g_calling = false;
  if (!g_returning) return;
  g_returning = false;
  while (g_depth > 0 && g_stack[--g_depth] != pc) continue;
}
