// What a program may not do on aarch64, or what could confuse a careless kernel: one instruction or two each.
#pragma once

#include <cstdint>

// `variants` deeds of one kind; commit() gets the number of one of them.
struct Misdeed {
  const char* name;
  void (*commit)(std::uint64_t variant);
  unsigned variants = 1;
};

namespace misdeeds {

// A system call, getpid, with a stack pointer that is `by` off.
inline void call_with_stack_moved(std::uint64_t by) {
  asm volatile("mov x9, sp; sub x10, x9, %0; mov sp, x10; mov x8, #172; svc #0; mov sp, x9" ::"r"(by)
               : "x0", "x8", "x9", "x10", "memory");
}

// Jumps to `by` bytes after an instruction.
inline void jump_beside(std::uint64_t by) {
  asm volatile("adr x9, 1f; add x9, x9, %0; br x9; 1: nop" ::"r"(by) : "x9");
}

// Goes from one indirect branch to the next: with branch targets (BTI) the processor state says so at every one of
// them (PSTATE.BTYPE, Arm ARM D8.4.5), and a tick is likely to come right there.
inline void branch_for_a_while() {
  asm volatile(
      "adr x16, 1f; mov x9, #0x80000\n"
      "1: sub x9, x9, #1; cbz x9, 2f; br x16\n"
      "2:" ::
          : "x9", "x16");
}

}  // namespace misdeeds

inline constexpr Misdeed kMisdeeds[] = {
    // Waiting, which the kernel keeps to itself (SCTLR_EL1.nTWI, nTWE; Arm ARM D17.2.118). QEMU lets wfe through.
    {"wfi", [](std::uint64_t) { asm volatile("wfi"); }},
    {"wfe", [](std::uint64_t) { asm volatile("sevl; wfe"); }},

    // Other ways up and down.
    {"svc-with-a-number",
     [](std::uint64_t) {
       asm volatile("mov x8, #172; svc #0xffff" ::: "x0", "x8", "memory");
     }},
    {"hvc",
     [](std::uint64_t) {
       asm volatile(".inst 0xd4000002" ::: "memory");
     }},  // hvc #0
    {"smc",
     [](std::uint64_t) {
       asm volatile(".inst 0xd4000003" ::: "memory");
     }},  // smc #0
    {"eret",
     [](std::uint64_t) {
       asm volatile("eret" ::: "memory");
     }},
    {"drps",
     [](std::uint64_t) {
       asm volatile("drps" ::: "memory");
     }},
    {"dcps",
     [](std::uint64_t) {
       asm volatile("dcps1; dcps2; dcps3" ::: "memory");
     }},
    {"hlt",
     [](std::uint64_t) {
       asm volatile("hlt #0xf000" ::: "memory");
     }},

    // Registers of the kernel.
    {"read-current-level",
     [](std::uint64_t) {
       asm volatile("mrs x0, currentel" ::: "x0");
     }},
    {"select-stack", [](std::uint64_t) { asm volatile("msr spsel, #1"); }},
    {"mask-interrupts", [](std::uint64_t) { asm volatile("msr daifset, #0xf"); }},
    {"read-masks",
     [](std::uint64_t) {
       asm volatile("mrs x0, daif" ::: "x0");
     }},
    {"write-masks", [](std::uint64_t) { asm volatile("msr daif, %0" ::"r"(std::uint64_t{0x3c0})); }},
    {"read-control",
     [](std::uint64_t) {
       asm volatile("mrs x0, sctlr_el1" ::: "x0");
     }},
    {"write-control", [](std::uint64_t) { asm volatile("msr sctlr_el1, xzr"); }},
    {"read-root",
     [](std::uint64_t) {
       asm volatile("mrs x0, ttbr0_el1" ::: "x0");
     }},
    {"write-root", [](std::uint64_t) { asm volatile("msr ttbr0_el1, xzr"); }},
    {"write-kernel-root", [](std::uint64_t) { asm volatile("msr ttbr1_el1, xzr"); }},
    {"read-vectors",
     [](std::uint64_t) {
       asm volatile("mrs x0, vbar_el1" ::: "x0");
     }},
    {"write-vectors", [](std::uint64_t) { asm volatile("msr vbar_el1, xzr"); }},
    {"read-return-address",
     [](std::uint64_t) {
       asm volatile("mrs x0, elr_el1" ::: "x0");
     }},
    {"read-saved-state",
     [](std::uint64_t) {
       asm volatile("mrs x0, spsr_el1" ::: "x0");
     }},
    {"read-fault-address",
     [](std::uint64_t) {
       asm volatile("mrs x0, far_el1" ::: "x0");
     }},
    {"read-kernel-thread",
     [](std::uint64_t) {
       asm volatile("mrs x0, tpidr_el1" ::: "x0");
     }},
    {"write-read-only-thread", [](std::uint64_t) { asm volatile("msr tpidrro_el0, xzr"); }},
    {"open-floating-point", [](std::uint64_t) { asm volatile("msr cpacr_el1, %0" ::"r"(std::uint64_t{3} << 20)); }},
    {"read-cpu-name",
     [](std::uint64_t) {
       asm volatile("mrs x0, midr_el1" ::: "x0");
     }},
    {"write-privileged-no-access", [](std::uint64_t) { asm volatile(".inst 0xd500419f"); }},  // msr pan, #1
    {"write-user-access-override", [](std::uint64_t) { asm volatile(".inst 0xd500417f"); }},  // msr uao, #1

    // Time, events, and the interrupt controller.
    {"read-virtual-count",
     [](std::uint64_t) {
       asm volatile("mrs x0, cntvct_el0" ::: "x0");
     }},
    {"read-physical-count",
     [](std::uint64_t) {
       asm volatile("mrs x0, cntpct_el0" ::: "x0");
     }},
    {"read-frequency",
     [](std::uint64_t) {
       asm volatile("mrs x0, cntfrq_el0" ::: "x0");
     }},
    {"stop-the-timer", [](std::uint64_t) { asm volatile("msr cntv_ctl_el0, xzr"); }},
    {"count-events",
     [](std::uint64_t) {
       asm volatile("mrs x0, pmccntr_el0" ::: "x0");
     }},

    // Caches and translations (SCTLR_EL1.UCI, UCT, DZE).
    {"read-cache-type",
     [](std::uint64_t) {
       asm volatile("mrs x0, ctr_el0" ::: "x0");
     }},
    {"clear-by-cache-line",
     [](std::uint64_t) { asm volatile("dc zva, %0" ::"r"(std::uint64_t{0x400000})
                                      : "memory"); }},
    {"clean-cache-line", [](std::uint64_t) { asm volatile("dc cvac, %0" ::"r"(std::uint64_t{0x400000})); }},
    {"drop-cache-line", [](std::uint64_t) { asm volatile("dc ivac, %0" ::"r"(std::uint64_t{0x400000})); }},
    {"drop-kernel-cache-line", [](std::uint64_t) { asm volatile("dc civac, %0" ::"r"(~std::uint64_t{0xfff})); }},
    {"drop-cache-by-set", [](std::uint64_t) { asm volatile("dc isw, xzr"); }},
    {"drop-code-line", [](std::uint64_t) { asm volatile("ic ivau, %0" ::"r"(std::uint64_t{0x400000})); }},
    {"drop-all-code", [](std::uint64_t) { asm volatile("ic iallu"); }},
    {"drop-translations", [](std::uint64_t) { asm volatile("tlbi vmalle1"); }},
    {"translate", [](std::uint64_t) { asm volatile("at s1e1r, %0" ::"r"(~std::uint64_t{0xfff})); }},

    // What a user may write of the processor state, and the kernel finds in SPSR_EL1. The last three are extensions.
    {"condition-flags", [](std::uint64_t flags) { asm volatile("msr nzcv, %0" ::"r"(flags << 28)
                                                               : "cc"); }, 16},
    {"speculation-state", [](std::uint64_t) { asm volatile(".inst 0xd503413f"); }},        // msr ssbs, #1
    {"data-independent-timing", [](std::uint64_t) { asm volatile(".inst 0xd503415f"); }},  // msr dit, #1
    {"tag-check-override", [](std::uint64_t) { asm volatile(".inst 0xd503419f"); }},       // msr tco, #1
    {"branch-for-a-while", [](std::uint64_t) { misdeeds::branch_for_a_while(); }},

    // Stacks and places that are not aligned.
    {"call-with-stack-moved", [](std::uint64_t by) { misdeeds::call_with_stack_moved(by); }, 32},
    {"stack-not-aligned",  // QEMU lets it through
     [](std::uint64_t) {
       asm volatile("mov x9, sp; sub x10, x9, #8; mov sp, x10; ldr x0, [sp]; mov sp, x9" ::: "x0", "x9", "x10");
     }},
    {"jump-beside", [](std::uint64_t by) { misdeeds::jump_beside(by); }, 4},
    {"exclusive-not-aligned",
     [](std::uint64_t) { asm volatile("ldxr x0, [%0]" ::"r"(std::uint64_t{0x400001})
                                      : "x0", "memory"); }},

    // Registers that nobody saves, and so nobody may use.
    {"floating-point", [](std::uint64_t) { asm volatile(".inst 0x1e604000"); }},  // fmov d0, d0
    {"simd", [](std::uint64_t) { asm volatile(".inst 0x4e208400"); }},            // add v0.16b, v0.16b, v0.16b
    {"load-simd",
     [](std::uint64_t) {
       asm volatile(".inst 0x3dc003e0" ::: "memory");
     }},  // ldr q0, [sp]
    {"floating-point-control",
     [](std::uint64_t) {
       asm volatile("mrs x0, fpcr" ::: "x0");
     }},
    {"vectors-of-any-length",
     [](std::uint64_t) {
       asm volatile(".inst 0x04bf5020" ::: "x0");
     }},  // rdvl x0, #1
    {"second-thread-pointer",
     [](std::uint64_t) {
       asm volatile("mrs x0, S3_3_C13_C0_5" ::: "x0");
     }},  // tpidr2_el0
    {"software-context-number",
     [](std::uint64_t) {
       asm volatile("mrs x0, S3_3_C13_C0_7" ::: "x0");
     }},  // scxtnum_el0

    // What is wrong in itself, and what is not.
    {"undefined", [](std::uint64_t) { asm volatile("udf #0"); }},
    {"breakpoint", [](std::uint64_t) { asm volatile("brk #0"); }},
    {"hints", [](std::uint64_t) { asm volatile("nop; yield; sev; csdb; .inst 0xd503233f"); }},  // paciasp
    {"thread-pointer",
     [](std::uint64_t) { asm volatile("msr tpidr_el0, %0; mrs x0, tpidrro_el0" ::"r"(~0ull)
                                      : "x0"); }},
};
