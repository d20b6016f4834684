// What the witness of the discipline must know of AArch64 (Arm ARM, DDI 0487): VMSAv8-64 with 4 KiB granules and 48
// bits.
#include <inttypes.h>
#include <string.h>

#include "grade/discipline/plugin/calls.h"
#include "grade/discipline/plugin/code.h"
#include "grade/discipline/plugin/guest.h"
#include "grade/discipline/plugin/isa.h"
#include "grade/discipline/plugin/live.h"
#include "grade/discipline/plugin/remembered.h"
#include "grade/discipline/plugin/report.h"

const char kTarget[] = "aarch64";
const char kRegisterReader[] = "aarch64_cpu_gdb_read_register";

// --- entries (D8.3) --------------------------------------------------------------------------------------------------

static const uint64_t kValid = 1, kTableOrPage = 1 << 1, kUser = 1 << 6, kReadOnly = 1 << 7, kNotGlobal = 1 << 11;
static const uint64_t kPrivilegedExecuteNever = (uint64_t)1 << 53, kUserExecuteNever = (uint64_t)1 << 54;
static const uint64_t kAddress = 0x0000fffffffff000;
// What may change at once: permissions, the access flag, DBM, bits for software (D8.14.1).
static const uint64_t kChangesAtOnce =
    (uint64_t)3 << 6 | 1 << 10 | (uint64_t)1 << 51 | (uint64_t)3 << 53 | (uint64_t)15 << 55;

bool entry_is_valid(uint64_t entry) {
  return (entry & kValid) != 0;
}

bool entry_is_table(uint64_t entry, unsigned level) {
  return level > 0 && (entry & kTableOrPage) != 0;
}

bool entry_is_global(uint64_t leaf) {
  return (leaf & kNotGlobal) == 0;
}

uint64_t entry_target(uint64_t entry, unsigned level) {
  const uint64_t address = entry & kAddress;
  return entry_is_table(entry, level) ? address : address & -size_of_level(level);
}

uint64_t entry_as_written(uint64_t entry) {
  return entry;  // TCR_EL1.HA and HD are 0
}

bool entry_permits(uint64_t leaf, Access access, bool user) {
  if (user && (leaf & kUser) == 0 && access != kFetch) return false;
  if (access == kFetch) return (leaf & (user ? kUserExecuteNever : kPrivilegedExecuteNever)) == 0;
  return access == kLoad || (leaf & kReadOnly) == 0;
}

bool needs_break(uint64_t old, unsigned old_level, uint64_t now, unsigned level) {
  const bool was_table = entry_is_table(old, old_level), is_table = entry_is_table(now, level);
  if (old_level != level) return !was_table && !is_table;   // blocks of two sizes
  if (was_table || is_table) return was_table != is_table;  // of two tables the leaves are judged
  if ((old & kNotGlobal) == 0) now &= ~kNotGlobal;          // only what becomes global may clash with what was not
  return ((old ^ now) & ~kChangesAtOnce) != 0;
}

// --- addresses (D8.1.1) ----------------------------------------------------------------------------------------------

const unsigned kRoots = 2;

unsigned root_of(uint64_t va) {
  return va >> 63;
}

uint64_t root_base(unsigned root) {
  return root == 0 ? 0 : (uint64_t)0xffff << 48;
}

uint64_t canonical(uint64_t va) {
  return va;
}

const bool kNeedsBarriers = true;
const bool kFetchesSeeStores = false;  // CTR_EL0.IDC and DIC are 0 on QEMU's CPUs (B2.4.4)

// --- system registers ------------------------------------------------------------------------------------------------

enum { kLower, kUpper, kControl, kAttributes, kSystem, kRegisters };
static const char* const kNames[] = {"TTBR0_EL1", "TTBR1_EL1", "TCR_EL1", "MAIR_EL1", "SCTLR_EL1"};

static uint64_t g_values[kRegisters];
static bool g_unsynchronised[kRegisters];
static Where g_written[kRegisters];          // its pc is 0 before the register was written
static bool g_is_on, g_emptied, g_emptying;  // the TLB: its contents are unknown at reset (D8.13.2)
static uint64_t g_vectors;

static const uint64_t kNoLowerWalks = 1 << 7, kNoUpperWalks = 1 << 23, kUpperNumbers = 1 << 22;  // EPD0, EPD1, A1

static void tell_setup(const char* rule, const char* name) {
  if (is_new(rule, g_pc)) tell_violation(rule, "register=%s", name);
}

static void tell_unsynchronised(unsigned which) {
  if (!is_new("unsynchronised", g_written[which].pc)) return;
  char text[kWhereText];
  tell_violation("unsynchronised", "register=%s old-at=%s", kNames[which], where_text(&g_written[which], text));
}

static void need_synchronised(unsigned which) {
  if (g_written[which].pc == 0) {
    tell_setup("unset", kNames[which]);
  } else if (g_unsynchronised[which]) {
    tell_unsynchronised(which);
  }
}

static bool walks(unsigned which) {
  return g_is_on && (g_values[kControl] & (which == kLower ? kNoLowerWalks : kNoUpperWalks)) == 0;
}

static void use_roots(void) {
  const unsigned numbered = (g_values[kControl] & kUpperNumbers) != 0 ? kUpper : kLower;
  const unsigned space = (unsigned)(g_values[numbered] >> 48);
  for (unsigned which = kLower; which <= kUpper; ++which) {
    const uint64_t root = walks(which) ? g_values[which] & kAddress : 0;
    if (root != g_roots[which] || space != g_address_space) set_root(which, root, space);
  }
}

static void write_register(unsigned which, uint64_t value) {
  const bool walked_upper = walks(kUpper), was_on = g_is_on;
  g_values[which] = value;
  if (which == kSystem) g_is_on = (value & 1) != 0;
  if (g_is_on && !was_on) {
    need_synchronised(kAttributes);
    need_synchronised(kControl);
    if (walks(kLower)) need_synchronised(kLower);
    if (!g_emptied) tell_setup("unflushed", "TLB");
  }
  if (walks(kUpper) && !walked_upper) need_synchronised(kUpper);
  g_written[which] = where_now();
  g_unsynchronised[which] = true;
  use_roots();
}

static void synchronise(void) {
  memset(g_unsynchronised, 0, sizeof g_unsynchronised);
  instructions_begin_again();
  instructions_are_new();
}

// --- instructions ----------------------------------------------------------------------------------------------------

enum {
  kNothing,
  kDsb,
  kDmb,
  kIsb,
  kReturn,
  kRelease,
  kTlbi,  // the first that has an operand, or faults in user code
  kZeroBlock,
  kCleanLine,
  kNewCode,
  kNewCodeInLine,
  kVectors,
  kRegister /* + its number */
};

static const struct {
  uint32_t word;
  int kind;
} kMoves[] = {
    {0xd5182000, kRegister + kLower},
    {0xd5182020, kRegister + kUpper},
    {0xd5182040, kRegister + kControl},
    {0xd518a200, kRegister + kAttributes},
    {0xd5181000, kRegister + kSystem},
    {0xd518c000, kVectors},
    {0xd50b7420, kZeroBlock},
    {0xd50b7a20, kCleanLine},  // DC CVAC, CVAU, CVAP, CVADP, CIVAC: to where instruction fetches see it, or beyond
    {0xd50b7b20, kCleanLine},
    {0xd50b7c20, kCleanLine},
    {0xd50b7d20, kCleanLine},
    {0xd50b7e20, kCleanLine},
    {0xd508711f & ~31u, kNewCode},
    {0xd508751f & ~31u, kNewCode},  // IC IALLUIS, IALLU
    {0xd50b7520, kNewCodeInLine},   // IC IVAU
};

// A store that comes after all before it (C3.2.10 and C3.2.12): STLR, STLUR, STLXR, STLXP, CASL, CASPL, SWPL and the
// like.
static bool is_release(uint32_t word) {
  return (word & 0x3ffffc00) == 0x089ffc00 || (word & 0x3fe00c00) == 0x19000000 || (word & 0x3fe08000) == 0x08008000 ||
         (word & 0xbfe08000) == 0x88208000 || (word & 0xbfa0fc00) == 0x0820fc00 || (word & 0x3fa0fc00) == 0x08a0fc00 ||
         (word & 0x3f600c00) == 0x38600000;
}

static int kind_of(uint32_t word) {
  if ((word & 0xfffff0ff) == 0xd503309f) return (word >> 8 & 3) != 0 ? kDsb : kNothing;  // else SSBB, PSSBB
  if ((word & 0xfffff0ff) == 0xd50330bf) return kDmb;
  if ((word & 0xfffff0ff) == 0xd50330df) return kIsb;
  if (word == 0xd69f03e0) return kReturn;
  if ((word & 0xfff80000) == 0xd5080000 && (word >> 12 & 15) == 8) return kTlbi;
  if (is_release(word)) return kRelease;
  for (unsigned i = 0; i < sizeof kMoves / sizeof *kMoves; ++i) {
    if ((word & ~31u) == kMoves[i].word) return kMoves[i].kind;
  }
  return kNothing;
}

Instruction decode(const uint8_t* bytes, size_t size, uint64_t pc) {
  Instruction instruction = {.pc = pc};
  if (size != sizeof instruction.word) return instruction;
  memcpy(&instruction.word, bytes, sizeof instruction.word);
  instruction.reg = instruction.word & 31;
  instruction.kind = kind_of(instruction.word);
  instruction.has_operand = instruction.kind >= kTlbi;
  instruction.calls =
      (instruction.word & 0xfc000000) == 0x94000000 || (instruction.word & 0xfffffc1f) == 0xd63f0000;  // BL, BLR
  instruction.returns = (instruction.word & 0xfffffc1f) == 0xd65f0000;                                 // RET
  return instruction;
}

bool is_user(void) {
  enum { kCpsr = 33 };
  return (read_register(kCpsr) >> 2 & 3) == 0;  // EL0 (C5.2.19)
}

// TLBI (C5.5): what it covers says the instruction, where and whose the register.
static Invalidation invalidation(uint32_t word, uint64_t operand) {
  const unsigned op1 = word >> 16 & 7, op2 = word >> 5 & 7;
  Invalidation what = {
      .va = (uint64_t)((int64_t)(operand << 20) >> 8),  // bits 55:12
      .address_space = (unsigned)(operand >> 48),
  };
  if (op1 == 4) {  // of EL2: ALLE1 and VMALLS12E1 forget EL1's, the others its own
    what.all_addresses = what.all_spaces = true;
    what.is_nothing = op2 != 4 && op2 != 6;
  } else if (op2 == 0) {  // VMALLE1
    what.all_addresses = what.all_spaces = true;
  } else if (op2 == 2) {  // ASIDE1
    what.all_addresses = what.keeps_global = true;
  } else {  // VAE1, VAAE1; of the last level only: VALE1, VAALE1
    what.all_spaces = op2 == 3 || op2 == 7;
    what.keeps_tables = op2 >= 5;
  }
  return what;
}

static void barrier(const Instruction* instruction) {
  const unsigned kinds = instruction->word >> 8 & 3;  // 1: loads, 2: stores, 3: all (C6.2.97)
  ++g_seen->barriers;
  tell_event("barrier", "what=%s-%s", instruction->kind == kDsb ? "dsb" : "dmb",
             kinds == 3   ? "all"
             : kinds == 2 ? "stores"
                          : "loads");
  if (kinds == 1) return;
  if (instruction->kind == kDmb) return stores_are_ordered();
  if (kinds == 3) {
    invalidations_are_complete();
    g_emptied |= g_emptying;
  }
  stores_are_seen();
  walker_sees_stores();
  code_complete();
}

// The physical address that the tables give to an operand; beyond all RAM if they give none.
static uint64_t of_operand(uint64_t va) {
  const uint64_t root = g_roots[root_of(va)];
  const Translation found = root == 0 ? (Translation){0} : walk_from(root, kRootLevel, va);
  return found.leaf != 0 ? physical(found, va) : UINT64_MAX;
}

static void zero_block(uint64_t pa) {
  enum { kBlock = 64 };  // DCZID_EL0.BS is 4
  if (!in_ram(pa)) return;
  look_again(pa);
  code_stored(pa & -(uint64_t)kBlock, kBlock);
}

void execute(const Instruction* instruction) {
  const uint64_t operand = !instruction->has_operand || instruction->reg == 31 ? 0 : read_register(instruction->reg);
  switch (instruction->kind) {
    case kDsb:
    case kDmb: return barrier(instruction);
    case kIsb:
    case kReturn: return synchronise();
    case kRelease: return release_begins(instruction->pc);
    case kVectors: g_vectors = operand; return;
    case kZeroBlock: return zero_block(of_operand(operand));
    case kCleanLine: return code_cleaned(of_operand(operand));
    case kNewCode: return code_invalidated();
    case kNewCodeInLine: return code_line_invalidated(of_operand(operand));
    case kTlbi: {
      const Invalidation what = invalidation(instruction->word, operand);
      if (what.is_nothing) return;
      tell_invalidation(&what);
      g_emptying |= what.all_addresses && what.all_spaces;
      return invalidate(&what);
    }
    default: return write_register((unsigned)(instruction->kind - kRegister), operand);
  }
}

void block_begins(uint64_t pc) {
  if (pc - g_vectors < 0x800 && (pc & 0x7f) == 0) synchronise();  // an exception was taken (D1.10.2, D1.13)
}

void accessed(uint64_t va) {
  const unsigned half = root_of(va);
  if (!g_unsynchronised[half] && !g_unsynchronised[kControl]) return;
  const unsigned which = g_unsynchronised[half] ? half : (unsigned)kControl;
  if (g_is_on && half == kUpper) tell_unsynchronised(which);
}
