// What the witness of the discipline must know of x86-64 (Intel SDM, vol. 3): 4-level paging.
#include <inttypes.h>
#include <string.h>

#include "grade/discipline/plugin/guest.h"
#include "grade/discipline/plugin/isa.h"
#include "grade/discipline/plugin/live.h"
#include "grade/discipline/plugin/remembered.h"
#include "grade/discipline/plugin/report.h"

const char kTarget[] = "x86_64";
const char kRegisterReader[] = "x86_cpu_gdb_read_register";

// --- entries (4.5.4) -------------------------------------------------------------------------------------------------

static const uint64_t kPresent = 1, kWritable = 1 << 1, kUser = 1 << 2, kAccessedDirty = 3 << 5, kPageSize = 1 << 7;
static const uint64_t kGlobal = 1 << 8, kNoExecute = (uint64_t)1 << 63, kAddress = 0x000ffffffffff000;

static uint64_t g_cr0, g_cr3, g_cr4;
static const uint64_t kPaging = (uint64_t)1 << 31;                                           // CR0.PG
static const uint64_t kGlobalPages = 1 << 7, kSupervisorExecution = 1 << 20, kPae = 1 << 5;  // CR4.PGE, SMEP, PAE
static const uint64_t kProcessContexts = 1 << 17;                                            // CR4.PCIDE

bool entry_is_valid(uint64_t entry) {
  return (entry & kPresent) != 0;
}

bool entry_is_table(uint64_t entry, unsigned level) {
  return level > 0 && (entry & kPageSize) == 0;
}

bool entry_is_global(uint64_t leaf) {
  return (leaf & kGlobal) != 0 && (g_cr4 & kGlobalPages) != 0;
}

uint64_t entry_target(uint64_t entry, unsigned level) {
  const uint64_t address = entry & kAddress;
  return entry_is_table(entry, level) ? address : address & -size_of_level(level);
}

uint64_t entry_as_written(uint64_t entry) {
  return entry & ~kAccessedDirty;
}

bool entry_permits(uint64_t leaf, Access access, bool user) {
  if (user && (leaf & kUser) == 0) return false;
  if (access == kFetch) return (leaf & kNoExecute) == 0;
  return access == kLoad || (leaf & kWritable) != 0;
}

bool needs_break(uint64_t old, unsigned old_level, uint64_t now, unsigned level) {
  (void)old, (void)old_level, (void)now, (void)level;
  return false;  // 4.10.2.3: until the old one is forgotten either may be used
}

// --- addresses -------------------------------------------------------------------------------------------------------

const unsigned kRoots = 1;

unsigned root_of(uint64_t va) {
  (void)va;
  return 0;
}

uint64_t root_base(unsigned root) {
  (void)root;
  return 0;
}

uint64_t canonical(uint64_t va) {
  return (uint64_t)((int64_t)(va << 16) >> 16);
}

const bool kNeedsBarriers = false;
const bool kFetchesSeeStores = true;  // 11.6 and 8.1.3

// --- instructions ----------------------------------------------------------------------------------------------------

enum { kNothing, kInvlpg, kInvpcid, kCr0, kCr3, kCr4 };
enum { kNoRegister = -1, kCodeSegment = 18 };

// GDB's numbers of rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 ...
static const int kNumbers[] = {0, 2, 3, 1, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15};

// The memory operand of ModRM, SIB and displacement (vol. 2, 2.1.5 and 2.2.1); `bytes` begin with ModRM.
static void decode_memory(Instruction* into, const uint8_t* bytes, size_t left, unsigned rex, uint64_t next_pc) {
  const unsigned mod = bytes[0] >> 6, rm = bytes[0] & 7;
  size_t at = 1;
  bool has_base = true;
  unsigned base = rm;
  if (rm == 4 && left > 1) {
    const unsigned sib = bytes[at++], index = (sib >> 3 & 7) | (rex & 2) << 2;
    base = sib & 7;
    if (index != 4) into->index = kNumbers[index], into->scale = (int)(sib >> 6);
    has_base = !(base == 5 && mod == 0);
  }
  const bool relative = rm == 5 && mod == 0;
  if (mod == 1 && at < left) into->displacement = (int8_t)bytes[at];
  if ((mod == 2 || relative || !has_base) && at + 4 <= left) {
    int32_t displacement;
    memcpy(&displacement, bytes + at, sizeof displacement);
    into->displacement = displacement;
  }
  if (relative) into->displacement += (int64_t)next_pc;
  if (has_base && !relative) into->base = kNumbers[base | (rex & 1) << 3];
}

Instruction decode(const uint8_t* bytes, size_t size, uint64_t pc) {
  static const uint8_t kPrefixes[] = {0x66, 0x67, 0x2e, 0x36, 0x3e, 0x26, 0x64, 0x65, 0xf2, 0xf3};
  Instruction instruction = {.pc = pc, .base = kNoRegister, .index = kNoRegister};
  size_t at = 0;
  unsigned rex = 0;
  while (at < size && memchr(kPrefixes, bytes[at], sizeof kPrefixes) != NULL) ++at;
  if (at < size && (bytes[at] & 0xf0) == 0x40) rex = bytes[at++];
  if (at < size) {
    instruction.calls = bytes[at] == 0xe8 || (bytes[at] == 0xff && at + 1 < size && (bytes[at + 1] >> 3 & 7) == 2);
    instruction.returns = bytes[at] == 0xc3 || bytes[at] == 0xc2;
  }
  if (at + 2 >= size || bytes[at] != 0x0f) return instruction;
  const uint8_t* operation = bytes + at + 1;
  const unsigned modrm = operation[1], reg = modrm >> 3 & 7;
  if (operation[0] == 0x22) {  // MOV to a control register
    static const int kKinds[] = {kCr0, kNothing, kNothing, kCr3, kCr4, kNothing, kNothing, kNothing};
    instruction.kind = (rex & 4) != 0 ? kNothing : kKinds[reg];
    instruction.reg = kNumbers[(modrm & 7) | (rex & 1) << 3];
  } else if (operation[0] == 0x01 && reg == 7 && modrm >> 6 != 3) {
    instruction.kind = kInvlpg;
    decode_memory(&instruction, operation + 1, size - at - 2, rex, pc + size);
  } else if (operation[0] == 0x38 && operation[1] == 0x82 && at + 3 < size) {
    instruction.kind = kInvpcid;
    instruction.reg = kNumbers[(operation[2] >> 3 & 7) | (rex & 4) << 1];
    decode_memory(&instruction, operation + 2, size - at - 3, rex, pc + size);
  }
  instruction.has_operand = instruction.kind != kNothing;
  return instruction;
}

bool is_user(void) {
  return (read_register(kCodeSegment) & 3) == 3;  // CPL (5.5)
}

static uint64_t memory_operand(const Instruction* instruction) {
  uint64_t va = (uint64_t)instruction->displacement;
  if (instruction->base != kNoRegister) va += read_register(instruction->base);
  if (instruction->index != kNoRegister) va += read_register(instruction->index) << instruction->scale;
  return va;
}

// What is forgotten: 4.10.4.1.

static void forget(Invalidation what) {
  what.all_spaces = true;
  tell_invalidation(&what);
  invalidate(&what);
}

static void use_root(void) {
  const bool on = (g_cr0 & kPaging) != 0;
  set_root(0, on ? g_cr3 & kAddress : 0, 0);
}

static void write_cr4(uint64_t value) {
  const uint64_t changed = g_cr4 ^ value;
  g_cr4 = value;
  if ((value & kProcessContexts) != 0) return stop_judging("the kernel uses process-context identifiers");
  if ((changed & kGlobalPages) != 0) {
    forget((Invalidation){.all_addresses = true});
  } else if ((changed & kPae) != 0 || (changed & value & kSupervisorExecution) != 0) {
    forget((Invalidation){.all_addresses = true, .keeps_global = true});
  }
}

static void write_cr0(uint64_t value) {
  const uint64_t changed = g_cr0 ^ value;
  g_cr0 = value;
  if ((changed & kPaging) == 0) return;
  use_root();
  if ((value & kPaging) == 0) forget((Invalidation){.all_addresses = true});
}

static void invpcid(const Instruction* instruction) {
  enum { kAddressOfOne, kAllOfOne, kAllAndGlobal, kAllOfAll };
  const uint64_t kind = read_register(instruction->reg), descriptor = memory_operand(instruction);
  const Translation found = walk_from(g_roots[0], kRootLevel, descriptor + 8);
  if (kind == kAddressOfOne && found.leaf != 0 && in_ram(physical(found, descriptor + 8))) {
    forget((Invalidation){.va = read_word(physical(found, descriptor + 8)), .keeps_global = true});
  } else {
    forget((Invalidation){.all_addresses = true, .keeps_global = kind != kAllAndGlobal});
  }
}

void execute(const Instruction* instruction) {
  switch (instruction->kind) {
    case kInvlpg: return forget((Invalidation){.va = memory_operand(instruction), .drops_all_tables = true});
    case kInvpcid: return invpcid(instruction);
    case kCr0: return write_cr0(read_register(instruction->reg));
    case kCr4: return write_cr4(read_register(instruction->reg));
    default:
      g_cr3 = read_register(instruction->reg);
      use_root();
      return forget((Invalidation){.all_addresses = true, .keeps_global = true});
  }
}

void block_begins(uint64_t pc) {
  (void)pc;
}

void accessed(uint64_t va) {
  (void)va;
}
