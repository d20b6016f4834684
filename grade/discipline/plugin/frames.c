#include "grade/discipline/plugin/frames.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "grade/discipline/plugin/guest.h"
#include "grade/discipline/plugin/live.h"
#include "grade/discipline/plugin/remembered.h"
#include "grade/discipline/plugin/report.h"

static uint64_t g_first, g_record_size, g_offset, g_count;
static uint32_t* g_shares;

bool prepare_frames(uint64_t first, uint64_t record_size, uint64_t shares_offset) {
  g_first = first;
  g_record_size = record_size;
  g_offset = shares_offset;
  g_count = (g_ram_base + g_ram_size - first) / kPage;
  g_shares = calloc(g_count, sizeof *g_shares);
  return g_shares != NULL;
}

void frames_stored(uint64_t pa) {
  const uint64_t number = (pa - g_first) / g_record_size;
  if (pa < g_first || number >= g_count) return;
  const uint32_t now = (uint32_t)read_word(g_first + number * g_record_size + g_offset), was = g_shares[number];
  g_shares[number] = now;
  if (now != 0 || was == 0) return;
  const uint64_t frame = g_first + number * kPage;
  ++g_seen->releases;
  tell_event("release", "frame=%#" PRIx64, frame);
  judge_loss(frame);
  judge_release(frame);
}
