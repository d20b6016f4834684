#include "grade/discipline/plugin/settled.h"

#include <inttypes.h>

#include "grade/discipline/plugin/guest.h"
#include "grade/discipline/plugin/remembered.h"
#include "grade/discipline/plugin/report.h"

uint64_t g_monitor;
bool g_only_roots;

void monitor_begins(void) {
  g_seen->settled = 1;
}

void judge_root(unsigned which, uint64_t root) {
  if (!g_seen->settled || root == g_roots[which] || !is_new("strayed", g_pc)) return;
  tell_violation("strayed", "which=%u root=%#" PRIx64 " old=%#" PRIx64, which, root, g_roots[which]);
}
