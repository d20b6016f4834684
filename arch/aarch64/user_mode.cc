#include "arch/user_mode.h"

#include "arch/aarch64/trap_frame.h"

extern "C" const char trap_vectors[], trap_return[];  // trap_entry.S

namespace {

// SCTLR_EL1 (Arm ARM D17.2.118): a stack pointer that is not a multiple of 16 faults when it is used, at either level.
constexpr std::uint64_t kStackAlignmentChecks = 1 << 3 | 1 << 4;

constexpr std::uint64_t kTrapDebugChannel = 1 << 12;  // MDSCR_EL1.TDCC

// ID_AA64DFR0_EL1.PMUVer (D19.3.4): 0 is none, 15 one of another kind.
bool has_performance_counters() {
  std::uint64_t features;
  asm volatile("mrs %0, id_aa64dfr0_el1" : "=r"(features));
  const std::uint64_t version = features >> 8 & 0xf;
  return version != 0 && version != 0xf;
}

// What a stack holds before its first switch_stacks(), below the trap frame: see the picture in switch.S.
struct FirstContext {
  std::uint64_t x19_to_x29[11];
  std::uint64_t x30;
};
static_assert(sizeof(FirstContext) % 16 == 0);

TrapFrame& frame_under(VirtAddr top) {
  return *(reinterpret_cast<TrapFrame*>(top.raw()) - 1);
}

}  // namespace

void UserMode::prepare() {
  std::uint64_t control;
  asm volatile("mrs %0, sctlr_el1" : "=r"(control));
  cpu::write_sctlr(control | kStackAlignmentChecks);
  // Closed to EL0: floating point and SIMD (CPACR_EL1, D17.2.30), the counters and timers (CNTKCTL_EL1, D17.9.14), the
  // debug channel (MDSCR_EL1, D19.3.20), and where there are any the performance counters (PMUSERENR_EL0, D19.5.20).
  asm volatile("msr cpacr_el1, xzr; msr cntkctl_el1, xzr; msr mdscr_el1, %0; isb" ::"r"(kTrapDebugChannel));
  if (has_performance_counters()) asm volatile("msr pmuserenr_el0, xzr");
  asm volatile("msr tpidr_el0, xzr; msr tpidrro_el0, xzr");
}

// By ASID, which is 0 for all roots: translations of the kernel half are global, and stay (C5.5.3, TLBI ASIDE1).
void UserMode::forget_user_translations() {
  asm volatile("dsb ishst; tlbi aside1is, xzr; dsb ish; isb" ::: "memory");
}

// Nothing to do: a process leaves its kernel stack empty, and SP_EL1 stays where it is until the next trap.
void UserMode::set_trap_stack(VirtAddr) {}

void UserMode::enter_at(VirtAddr top, VirtAddr pc, VirtAddr sp) {
  TrapFrame& frame = frame_under(top);
  frame = {};
  frame.elr = pc.raw();
  frame.sp_el0 = sp.raw();  // spsr stays 0: EL0, interrupts on
}

void UserMode::copy_frame(VirtAddr top, VirtAddr top_of_other) {
  frame_under(top) = frame_under(top_of_other);
}

void UserMode::set_result(VirtAddr top, std::uint64_t value) {
  frame_under(top).x[0] = value;
}

void* UserMode::prepare_stack(VirtAddr top) {
  auto* context = reinterpret_cast<FirstContext*>(&frame_under(top)) - 1;
  *context = {};
  context->x30 = reinterpret_cast<std::uint64_t>(trap_return);
  return context;
}

// Data goes out of the data cache, line by line, as far as instruction fetches can see it (Arm ARM B2.4.4; CTR_EL0,
// D17.2.34, has the size of a line in words, as a power of two). Old instructions may be cached by the user's address,
// which nobody here knows: all of them go.
void UserMode::code_written(VirtAddr va, std::uint64_t size) {
  std::uint64_t cache_type;
  asm volatile("mrs %0, ctr_el0" : "=r"(cache_type));
  const std::uint64_t line = std::uint64_t{4} << (cache_type >> 16 & 0xf);
  for (std::uint64_t at = round_down(va.raw(), line); at < va.raw() + size; at += line) {
    asm volatile("dc cvau, %0" ::"r"(at) : "memory");
  }
  asm volatile("dsb ish; ic ialluis; dsb ish; isb" ::: "memory");
}

void UserMode::save_registers(Registers& registers) {
  asm volatile("mrs %0, tpidr_el0" : "=r"(registers.thread_pointer));
}

void UserMode::load_registers(const Registers& registers) {
  asm volatile("msr tpidr_el0, %0" ::"r"(registers.thread_pointer));
}

// The thread pointer points to two words of the thread's, and the variables follow (Arm's ELF for AArch64, "Thread
// Local Storage", variant I).
ThreadLayout UserMode::thread_layout(std::uint64_t size, std::uint64_t alignment) {
  const std::uint64_t variables = round_up(2 * sizeof(std::uint64_t), alignment);
  return {.variables = variables, .pointer = 0, .size = variables + size};
}

std::array<Vital, 3> UserMode::vitals() {
  const char* here = nullptr;
  asm("adr %0, ." : "=r"(here));
  return {Vital{"vectors", VirtAddr{reinterpret_cast<std::uint64_t>(trap_vectors)}},
          Vital{"code", VirtAddr{reinterpret_cast<std::uint64_t>(here)}},
          Vital{"stack", VirtAddr{reinterpret_cast<std::uint64_t>(__builtin_frame_address(0))}}};
}
