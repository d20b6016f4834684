// A witness of what the CPU may remember: a plugin for QEMU's code generator (TCG) that follows every store to a live
// table, every invalidation, barrier and load of a root, every release of a frame, and every access; and tells where
// the CPU might have used what the tables no longer say. Nothing of it runs in the guest. One CPU only.
//
// Arguments: ram=FILE, size=BYTES, base=ADDRESS, the guest's RAM; users=ADDRESS, the end of user addresses, or 0;
// frames=ADDRESS, record=BYTES, shares=BYTES, the allocator's records; monitor=ADDRESS, see settled.h; lines=FILE,
// counters=FILE, what is written to; all=1, to tell every event; roots=1, to judge the loads of roots alone;
// watched=ADDRESS, a word of RAM whose stores are told.
//
// QEMU calls it before an instruction, after a store, and where a block of code begins. The operand of an instruction
// is read at the first call after it: until then it may be in a register of the host.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "grade/discipline/plugin/calls.h"
#include "grade/discipline/plugin/code.h"
#include "grade/discipline/plugin/frames.h"
#include "grade/discipline/plugin/guest.h"
#include "grade/discipline/plugin/live.h"
#include "grade/discipline/plugin/qemu.h"
#include "grade/discipline/plugin/remembered.h"
#include "grade/discipline/plugin/report.h"
#include "grade/discipline/plugin/settled.h"

__attribute__((visibility("default"))) int qemu_plugin_version = PLUGIN_API;

// --- while the guest runs --------------------------------------------------------------------------------------------

static const Instruction* g_pending;  // it has executed, and its operand was not read yet

static void finish_pending(void) {
  if (g_pending == NULL) return;
  const Instruction* instruction = g_pending;
  g_pending = NULL;
  g_pc = instruction->pc;
  execute(instruction);
}

static void before_special(unsigned cpu, void* argument) {
  (void)cpu;
  finish_pending();
  if (!g_seen->judging) return;
  const Instruction* instruction = argument;
  g_pc = instruction->pc;
  if (instruction->has_operand) {
    if (!is_user()) g_pending = instruction;  // it only faults in user code
  } else {
    execute(instruction);
  }
}

static void after_special(unsigned cpu, void* unused) {
  (void)cpu, (void)unused;
  finish_pending();
}

static void at_monitor(unsigned cpu, void* unused) {
  (void)cpu, (void)unused;
  finish_pending();
  monitor_begins();
}

static void before_call(unsigned cpu, void* return_address) {
  (void)cpu;
  call_begins((uintptr_t)return_address);
}

static void before_return(unsigned cpu, void* unused) {
  (void)cpu, (void)unused;
  return_begins();
}

static void begin_block(unsigned cpu, void* pc) {
  (void)cpu;
  finish_pending();
  if (!g_seen->judging) return;
  g_pc = (uintptr_t)pc;
  goes_on_at(g_pc);
  block_begins(g_pc);
  if (g_pc < g_users_end) judge_user_code();
  judge_access(g_pc, kFetch);
}

typedef struct {
  uint64_t first, end;
} UserBlock;

static void begin_user_block(unsigned cpu, void* argument) {
  (void)cpu;
  const UserBlock* block = argument;
  if (g_seen->judging) judge_code(block->first, block->end);
}

static uint64_t g_watched = UINT64_MAX;  // a word of RAM

static void watch(uint64_t pa, unsigned size) {
  const bool overlaps = pa < g_watched + sizeof(uint64_t) && g_watched < pa + size;
  if (in_ram(g_watched) && overlaps) tell_watched(read_word(g_watched));
}

static void access_memory(unsigned cpu, qemu_plugin_meminfo_t info, uint64_t va, void* pc) {
  (void)cpu;
  finish_pending();
  if (!g_seen->judging) return;
  g_pc = (uintptr_t)pc;
  ++g_moment;
  ++g_seen->accesses;
  const bool is_store = qemu_plugin_mem_is_store(info);
  accessed(va);
  judge_use(va);
  judge_access(va, is_store ? kStore : kLoad);
  if (!is_store) return;
  const struct qemu_plugin_hwaddr* where = qemu_plugin_get_hwaddr(info, va);
  if (where == NULL || qemu_plugin_hwaddr_is_io(where)) return;
  const uint64_t pa = qemu_plugin_hwaddr_phys_addr(where);
  if (!in_ram(pa)) return;
  stored(pa, 1u << qemu_plugin_mem_size_shift(info));
  frames_stored(pa);
  watch(pa, 1u << qemu_plugin_mem_size_shift(info));
  code_stored(pa, 1u << qemu_plugin_mem_size_shift(info));
}

// --- while QEMU translates -------------------------------------------------------------------------------------------

static Instruction read_instruction(const struct qemu_plugin_insn* translated) {
  uint8_t bytes[16] = {0};
  const size_t all = qemu_plugin_insn_size(translated), size = all < sizeof bytes ? all : sizeof bytes;
#if PLUGIN_API >= 3
  qemu_plugin_insn_data(translated, bytes, size);
#else
  memcpy(bytes, qemu_plugin_insn_data(translated), size);
#endif
  return decode(bytes, size, qemu_plugin_insn_vaddr(translated));
}

static void follow_calls(struct qemu_plugin_insn* translated, const Instruction* instruction) {
  const uint64_t next = instruction->pc + qemu_plugin_insn_size(translated);
  if (instruction->calls) {
    qemu_plugin_register_vcpu_insn_exec_cb(translated, before_call, QEMU_PLUGIN_CB_NO_REGS, (void*)(uintptr_t)next);
  } else if (instruction->returns) {
    qemu_plugin_register_vcpu_insn_exec_cb(translated, before_return, QEMU_PLUGIN_CB_NO_REGS, NULL);
  }
}

static void follow_user_block(struct qemu_plugin_tb* translated) {
  const struct qemu_plugin_insn* last = qemu_plugin_tb_get_insn(translated, qemu_plugin_tb_n_insns(translated) - 1);
  UserBlock* block = malloc(sizeof *block);
  if (block == NULL) return stop_judging("there is no memory left");
  block->first = qemu_plugin_tb_vaddr(translated);
  block->end = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
  qemu_plugin_register_vcpu_tb_exec_cb(translated, begin_user_block, QEMU_PLUGIN_CB_NO_REGS, block);
}

// What matters to roots alone; an operand is read in the next block at the latest.
static void follow_block(struct qemu_plugin_tb* block) {
  if (g_only_roots) return qemu_plugin_register_vcpu_tb_exec_cb(block, after_special, QEMU_PLUGIN_CB_NO_REGS, NULL);
  qemu_plugin_register_vcpu_tb_exec_cb(block, begin_block, QEMU_PLUGIN_CB_NO_REGS,
                                       (void*)(uintptr_t)qemu_plugin_tb_vaddr(block));
}

static bool is_followed(const Instruction* instruction) {
  return instruction->kind != 0 && (instruction->has_operand || !g_only_roots);
}

static void block_translated(qemu_plugin_id_t plugin, struct qemu_plugin_tb* block) {
  (void)plugin;
  follow_block(block);
  const bool of_user = qemu_plugin_tb_vaddr(block) < g_users_end && is_user();
  if (of_user && !kFetchesSeeStores) follow_user_block(block);
  bool follows_special = false;
  for (size_t i = 0; i < qemu_plugin_tb_n_insns(block); ++i) {
    struct qemu_plugin_insn* translated = qemu_plugin_tb_get_insn(block, i);
    const Instruction instruction = read_instruction(translated);
    if (follows_special) {
      qemu_plugin_register_vcpu_insn_exec_cb(translated, after_special, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
    follows_special = false;
    if (g_monitor != 0 && instruction.pc == g_monitor) {
      qemu_plugin_register_vcpu_insn_exec_cb(translated, at_monitor, QEMU_PLUGIN_CB_NO_REGS, NULL);
    }
    if (is_followed(&instruction)) {
      Instruction* kept = malloc(sizeof *kept);
      if (kept == NULL) return stop_judging("there is no memory left");
      *kept = instruction;
      qemu_plugin_register_vcpu_insn_exec_cb(translated, before_special, QEMU_PLUGIN_CB_NO_REGS, kept);
      follows_special = instruction.has_operand;
    }
    if (g_only_roots) continue;
    if (!of_user) follow_calls(translated, &instruction);
    qemu_plugin_register_vcpu_mem_cb(translated, access_memory, QEMU_PLUGIN_CB_NO_REGS, QEMU_PLUGIN_MEM_RW,
                                     (void*)(uintptr_t)instruction.pc);
  }
}

// --- starting --------------------------------------------------------------------------------------------------------

static struct {
  const char *ram, *lines, *counters;
  uint64_t frames, record, shares;
} g_arguments;

static bool take_argument(const char* argument) {
  const char* value = strchr(argument, '=');
  if (value == NULL) return false;
  const size_t length = (size_t)(value++ - argument);
  const uint64_t number = strtoull(value, NULL, 0);
  const struct {
    const char* name;
    const char** text;
    uint64_t* number;
  } known[] = {
      {"ram", &g_arguments.ram, NULL},
      {"lines", &g_arguments.lines, NULL},
      {"counters", &g_arguments.counters, NULL},
      {"size", NULL, &g_ram_size},
      {"base", NULL, &g_ram_base},
      {"users", NULL, &g_users_end},
      {"frames", NULL, &g_arguments.frames},
      {"record", NULL, &g_arguments.record},
      {"shares", NULL, &g_arguments.shares},
      {"watched", NULL, &g_watched},
      {"monitor", NULL, &g_monitor},
  };
  for (size_t i = 0; i < sizeof known / sizeof *known; ++i) {
    if (strlen(known[i].name) != length || strncmp(argument, known[i].name, length) != 0) continue;
    if (known[i].text != NULL) *known[i].text = value;
    if (known[i].number != NULL) *known[i].number = number;
    return true;
  }
  if (strncmp(argument, "all=", 4) == 0) g_tells_all = number != 0;
  if (strncmp(argument, "roots=", 6) == 0) g_only_roots = number != 0;
  return strncmp(argument, "all=", 4) == 0 || strncmp(argument, "roots=", 6) == 0;
}

static int refuse(const char* why, const char* what) {
  fprintf(stderr, "discipline: %s%s\n", why, what);
  return 1;
}

static bool map_ram(void) {
  const int file = open(g_arguments.ram, O_RDONLY);
  if (file < 0) return false;
  g_ram = mmap(NULL, g_ram_size, PROT_READ, MAP_SHARED, file, 0);
  close(file);
  return g_ram != MAP_FAILED;
}

__attribute__((visibility("default"))) int qemu_plugin_install(qemu_plugin_id_t plugin, const qemu_info_t* info,
                                                               int argc, char** argv) {
  for (int i = 0; i < argc; ++i) {
    if (!take_argument(argv[i])) return refuse("there is no argument ", argv[i]);
  }
  if (strcmp(info->target_name, kTarget) != 0) return refuse("this is not for ", info->target_name);
  if (g_arguments.lines == NULL || g_arguments.counters == NULL || g_arguments.ram == NULL || g_arguments.record == 0) {
    return refuse("an argument is missing", "");
  }
  if (!open_report(g_arguments.lines, g_arguments.counters)) return refuse("cannot write to ", g_arguments.lines);
  if (!map_ram()) return refuse("cannot read ", g_arguments.ram);
  if (!prepare_tables() || !prepare_code() ||
      !prepare_frames(g_arguments.frames, g_arguments.record, g_arguments.shares)) {
    return refuse("there is no memory left", "");
  }
  if (!find_register_reader()) {
    stop_judging("this QEMU does not let a plugin read registers");
    return 0;
  }
  qemu_plugin_register_vcpu_tb_trans_cb(plugin, block_translated);
  return 0;
}
