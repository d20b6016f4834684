// Counts the instructions that a guest executes, user and kernel together: a plugin for QEMU's code generator (TCG).
//
// QEMU calls it once for every instruction that it translates, and from then on before every execution of it. QEMU
// executes an instruction with a `rep` prefix once for each repetition, and once more to find that none is left; one
// that faults has executed, and does so again when it is tried again. One CPU only.
//
// Arguments: out=FILE, what is seen, a line each; low=ADDRESS,high=ADDRESS, where user programs have their code.
//
//   user COUNT NANOSECONDS        the first instruction of a user program
//   marker ID COUNT NANOSECONDS   a marker: an instruction without effect that nothing else would use
//
// COUNT is the number of instructions before this one; NANOSECONDS are those of CLOCK_MONOTONIC. Which instruction is a
// marker says the ISA (marker.h).
//
// Distributions ship QEMU without qemu-plugin.h (QEMU's manual, docs/devel/tcg-plugins), so what is used of it is
// declared here. PLUGIN_API is the version that the build is for: 1 is QEMU 7.2's; 3 is that of 9.1 and later.
#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "grade/bench/marker.h"

// --- QEMU's side -----------------------------------------------------------------------------------------------------

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;    // a block of code that is being translated
struct qemu_plugin_insn;  // an instruction of it

// Only the beginning: the rest is of no use here.
typedef struct {
  const char* target_name;
} qemu_info_t;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

typedef void (*translation_callback)(qemu_plugin_id_t, struct qemu_plugin_tb*);
typedef void (*execution_callback)(unsigned cpu, void* argument);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translation_callback);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn*, execution_callback, enum qemu_plugin_cb_flags,
                                            void* argument);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb*, size_t index);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn*);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn*);

#if PLUGIN_API >= 3
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn*, void* to, size_t size);
#else
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn*);
#endif

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_API;

// --- counting --------------------------------------------------------------------------------------------------------

static FILE* g_out;
static uint64_t g_user_low, g_user_high;  // from low up to, but not including, high
static uint64_t g_count;
static bool g_user_seen;

static uint64_t nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void count(unsigned cpu, void* unused) {
  (void)cpu, (void)unused;
  ++g_count;
}

static void count_user(unsigned cpu, void* unused) {
  if (!g_user_seen) fprintf(g_out, "user %" PRIu64 " %" PRIu64 "\n", g_count, nanoseconds());
  g_user_seen = true;
  count(cpu, unused);
}

static void count_marker(unsigned cpu, void* id) {
  fprintf(g_out, "marker %" PRIuPTR " %" PRIu64 " %" PRIu64 "\n", (uintptr_t)id, g_count, nanoseconds());
  count(cpu, id);
}

static unsigned marker_in(const struct qemu_plugin_insn* translated) {
  const size_t size = qemu_plugin_insn_size(translated);
#if PLUGIN_API >= 3
  uint8_t bytes[16];
  if (size > sizeof bytes) return 0;
  qemu_plugin_insn_data(translated, bytes, size);
#else
  const uint8_t* bytes = qemu_plugin_insn_data(translated);
#endif
  return marker_id(bytes, size);
}

static void instrument(struct qemu_plugin_insn* translated) {
  const unsigned id = marker_in(translated);
  const uint64_t address = qemu_plugin_insn_vaddr(translated);
  const bool is_user = address >= g_user_low && address < g_user_high;
  const execution_callback callback = id != 0 ? count_marker : is_user ? count_user : count;
  qemu_plugin_register_vcpu_insn_exec_cb(translated, callback, QEMU_PLUGIN_CB_NO_REGS, (void*)(uintptr_t)id);
}

static void block_translated(qemu_plugin_id_t plugin, struct qemu_plugin_tb* block) {
  (void)plugin;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) instrument(qemu_plugin_tb_get_insn(block, i));
}

// --- starting --------------------------------------------------------------------------------------------------------

static bool take_argument(const char* argument) {
  if (strncmp(argument, "low=", 4) == 0) {
    g_user_low = strtoull(argument + 4, NULL, 0);
  } else if (strncmp(argument, "high=", 5) == 0) {
    g_user_high = strtoull(argument + 5, NULL, 0);
  } else if (strncmp(argument, "out=", 4) == 0) {
    g_out = fopen(argument + 4, "w");
  } else {
    return false;
  }
  return true;
}

static int refuse(const char* why, const char* what) {
  fprintf(stderr, "count_instructions: %s%s\n", why, what);
  return 1;
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t plugin, const qemu_info_t* info,
                                                               int argc, char** argv) {
  for (int i = 0; i < argc; ++i) {
    if (!take_argument(argv[i])) return refuse("there is no argument ", argv[i]);
  }
  if (g_out == NULL) return refuse("out= is missing, or cannot be written to", "");
  if (strcmp(info->target_name, kTarget) != 0) return refuse("it is not made for ", info->target_name);
  setvbuf(g_out, NULL, _IOLBF, 0);  // QEMU may be killed: each line must be out at once
  qemu_plugin_register_vcpu_tb_trans_cb(plugin, block_translated);
  return 0;
}
