// What a program may not do on x86_64, or what could confuse a careless kernel: one instruction or two each.
#pragma once

#include <cstdint>

// `variants` deeds of one kind; commit() gets the number of one of them.
struct Misdeed {
  const char* name;
  void (*commit)(std::uint64_t variant);
  unsigned variants = 1;
};

namespace misdeeds {

// A jump to `selector`:1f and a return, both as instructions that change the code segment do them.
inline void far_return(std::uint64_t selector) {
  asm volatile("push %0; lea 1f(%%rip), %%rax; push %%rax; lretq; 1:" ::"r"(selector) : "rax", "memory");
}

// Goes on at the next instruction, with the flags, code and stack segment given.
inline void interrupt_return(std::uint64_t flags, std::uint64_t code, std::uint64_t stack) {
  asm volatile(
      "mov %%rsp, %%rax; push %2; push %%rax; push %0; push %1; lea 1f(%%rip), %%rax; push %%rax; iretq; 1:" ::"r"(
          flags),
      "r"(code), "r"(stack)
      : "rax", "memory", "cc");
}

inline void set_flags(std::uint64_t flags) {
  asm volatile("push %0; popfq" ::"r"(flags) : "memory", "cc");
}

// Flags and then a system call, getpid, with nothing between them.
inline void call_with_flags(std::uint64_t flags) {
  std::uint64_t number = 172;
  asm volatile("push %1; popfq; int $0x80; push $2; popfq" : "+a"(number) : "r"(flags) : "memory", "cc");
}

// `int n` for each vector n: the instruction takes its vector as a constant, so here are all 256 of them.
inline void software_interrupt(std::uint64_t vector) {
  std::uint64_t target = 0;
  asm volatile(
      "lea 2f(%%rip), %0\n\t"
      "lea (%0, %1, 4), %0\n\t"
      "xor %%eax, %%eax\n\t"
      "call *%0\n\t"
      "jmp 3f\n"
      ".balign 4\n"
      "2:\n\t"
      ".set vector, 0\n\t"
      ".rept 256\n\t"
      ".byte 0xcd, vector\n\t"  // int: the assembler would shorten int $3
      "ret\n\t"
      ".balign 4\n\t"
      ".set vector, vector + 1\n\t"
      ".endr\n"
      "3:"
      : "=&r"(target)
      : "r"(vector)
      : "rax", "memory");
}

inline constexpr std::uint64_t kTrapFlag = 1 << 8, kInterruptFlag = 1 << 9, kPrivilegeOfIo = 3 << 12, kNested = 1 << 14;
inline constexpr std::uint64_t kAllFlags = 0x3f'fed5;  // but TF
inline constexpr std::uint64_t kUserCode = 4 << 3 | 3, kUserData = 3 << 3 | 3;
inline constexpr std::uint64_t kKernelCode = 1 << 3, kKernelData = 2 << 3, kTss = 5 << 3, kBeyondTheTable = 7 << 3;
inline constexpr std::uint64_t kInLocalTable = 1 << 2;  // of a selector: from the LDT, which there is not

}  // namespace misdeeds

inline constexpr Misdeed kMisdeeds[] = {
    // Privileged instructions (Intel SDM vol. 3, 5.9).
    {"cli", [](std::uint64_t) { asm volatile("cli"); }},
    {"sti", [](std::uint64_t) { asm volatile("sti"); }},
    {"hlt", [](std::uint64_t) { asm volatile("hlt"); }},
    {"in",
     [](std::uint64_t) {
       asm volatile("inb $0x60, %%al" ::: "rax");
     }},
    {"out",
     [](std::uint64_t) {
       asm volatile("outb %%al, $0x80" ::: "rax");
     }},
    {"outs", [](std::uint64_t) { asm volatile("outsb" ::"d"(0x3f8), "S"(0x400000)
                                              : "memory"); }},
    {"lgdt",
     [](std::uint64_t) {
       asm volatile("lgdt (%%rsp)" ::: "memory");
     }},
    {"lidt",
     [](std::uint64_t) {
       asm volatile("lidt (%%rsp)" ::: "memory");
     }},
    {"lldt", [](std::uint64_t) { asm volatile("lldt %w0" ::"r"(0)); }},
    {"ltr", [](std::uint64_t) { asm volatile("ltr %w0" ::"r"(misdeeds::kTss)); }},
    {"read-cr0",
     [](std::uint64_t) {
       asm volatile("mov %%cr0, %%rax" ::: "rax");
     }},
    {"write-cr0", [](std::uint64_t) { asm volatile("mov %0, %%cr0" ::"r"(std::uint64_t{0x8001'0033})); }},
    {"read-cr3",
     [](std::uint64_t) {
       asm volatile("mov %%cr3, %%rax" ::: "rax");
     }},
    {"write-cr3", [](std::uint64_t) { asm volatile("mov %0, %%cr3" ::"r"(std::uint64_t{0})); }},
    {"write-cr4", [](std::uint64_t) { asm volatile("mov %0, %%cr4" ::"r"(std::uint64_t{0x6a0})); }},
    {"read-dr7",
     [](std::uint64_t) {
       asm volatile("mov %%dr7, %%rax" ::: "rax");
     }},
    {"rdmsr", [](std::uint64_t) { asm volatile("rdmsr" ::"c"(0xc000'0080)
                                               : "rax", "rdx"); }},
    {"wrmsr", [](std::uint64_t) { asm volatile("wrmsr" ::"c"(0xc000'0080), "a"(0x501), "d"(0)); }},
    {"invlpg",
     [](std::uint64_t) {
       asm volatile("invlpg (%%rsp)" ::: "memory");
     }},
    {"wbinvd",
     [](std::uint64_t) {
       asm volatile("wbinvd" ::: "memory");
     }},
    {"clts", [](std::uint64_t) { asm volatile("clts"); }},
    {"lmsw", [](std::uint64_t) { asm volatile("lmsw %w0" ::"r"(0)); }},
    {"swapgs", [](std::uint64_t) { asm volatile("swapgs"); }},
    {"rdpmc", [](std::uint64_t) { asm volatile("rdpmc" ::"c"(0)
                                               : "rax", "rdx"); }},

    // Harmless to run, but they would tell where the kernel keeps its tables: CR4.UMIP forbids them (2.5).
    {"sgdt",
     [](std::uint64_t) {
       asm volatile("sub $16, %%rsp; sgdt (%%rsp); add $16, %%rsp" ::: "memory");
     }},
    {"sidt",
     [](std::uint64_t) {
       asm volatile("sub $16, %%rsp; sidt (%%rsp); add $16, %%rsp" ::: "memory");
     }},
    {"sldt",
     [](std::uint64_t) {
       asm volatile("sldt %%ax" ::: "rax");
     }},
    {"str",
     [](std::uint64_t) {
       asm volatile("str %%ax" ::: "rax");
     }},
    {"smsw",
     [](std::uint64_t) {
       asm volatile("smsw %%ax" ::: "rax");
     }},

    // Other ways in and out, none of which is open.
    {"syscall", [](std::uint64_t) { asm volatile("syscall" ::"a"(172)
                                                 : "rcx", "r11", "memory"); }},
    {"sysret", [](std::uint64_t) { asm volatile("sysretq" ::"c"(0x400000)
                                                : "memory"); }},
    {"sysenter",
     [](std::uint64_t) {
       asm volatile("sysenter" ::: "memory");
     }},
    {"sysexit",
     [](std::uint64_t) {
       asm volatile("sysexitq" ::: "memory");
     }},
    {"vmmcall",
     [](std::uint64_t) {
       asm volatile("vmmcall" ::: "memory");
     }},
    {"int", misdeeds::software_interrupt, 256},
    {"far-return", [](std::uint64_t) { misdeeds::far_return(misdeeds::kUserCode); }},
    {"far-return-to-kernel-code", [](std::uint64_t rpl) { misdeeds::far_return(misdeeds::kKernelCode | rpl); }, 4},
    {"far-return-to-data", [](std::uint64_t) { misdeeds::far_return(misdeeds::kUserData); }},
    {"far-return-to-task", [](std::uint64_t) { misdeeds::far_return(misdeeds::kTss | 3); }},
    {"far-return-to-local-table",
     [](std::uint64_t) { misdeeds::far_return(misdeeds::kUserCode | misdeeds::kInLocalTable); }},
    {"iret-to-kernel-code",
     [](std::uint64_t rpl) { misdeeds::interrupt_return(2, misdeeds::kKernelCode | rpl, misdeeds::kUserData); }, 4},
    {"iret-to-kernel-stack",
     [](std::uint64_t rpl) { misdeeds::interrupt_return(2, misdeeds::kUserCode, misdeeds::kKernelData | rpl); }, 4},
    {"iret-without-stack", [](std::uint64_t) { misdeeds::interrupt_return(2, misdeeds::kUserCode, 0); }},
    {"iret-of-nested-task",
     [](std::uint64_t) {
       misdeeds::set_flags(misdeeds::kNested);
       misdeeds::interrupt_return(2, misdeeds::kUserCode, misdeeds::kUserData);
     }},
    {"iret-with-all-flags",  // those that a user has no right to stay as they are
     [](std::uint64_t) { misdeeds::interrupt_return(misdeeds::kAllFlags, misdeeds::kUserCode, misdeeds::kUserData); }},

    // Segments.
    {"load-kernel-data", [](std::uint64_t rpl) { asm volatile("mov %w0, %%ds" ::"r"(misdeeds::kKernelData | rpl)); },
     4},
    {"load-kernel-code", [](std::uint64_t) { asm volatile("mov %w0, %%es" ::"r"(misdeeds::kKernelCode)); }},
    {"load-task", [](std::uint64_t) { asm volatile("mov %w0, %%fs" ::"r"(misdeeds::kTss)); }},
    {"load-beyond-the-table", [](std::uint64_t) { asm volatile("mov %w0, %%gs" ::"r"(misdeeds::kBeyondTheTable)); }},
    {"load-from-local-table",
     [](std::uint64_t i) { asm volatile("mov %w0, %%ds" ::"r"(i << 9 | misdeeds::kInLocalTable | 3)); }, 128},
    {"no-stack-segment", [](std::uint64_t) { asm volatile("mov %w0, %%ss" ::"r"(0)); }},
    {"kernel-stack-segment", [](std::uint64_t) { asm volatile("mov %w0, %%ss" ::"r"(misdeeds::kKernelData)); }},
    {"user-segments",
     [](std::uint64_t rpl) {
       const std::uint64_t selector = misdeeds::kUserData & ~std::uint64_t{3};
       asm volatile("mov %w0, %%ds; mov %w0, %%es; mov %w0, %%fs; mov %w0, %%gs" ::"r"(selector | rpl));
     },
     4},

    // Flags that a system call or a tick brings along.
    {"call-with-flag", [](std::uint64_t bit) { misdeeds::call_with_flags(std::uint64_t{1} << bit); }, 64},
    {"call-with-all-flags", [](std::uint64_t) { misdeeds::call_with_flags(misdeeds::kAllFlags); }},
    {"single-step", [](std::uint64_t) { misdeeds::set_flags(misdeeds::kTrapFlag); }},
    {"single-step-after-stack-switch",  // the load of ss holds the trap back by one instruction (Intel SDM vol.
                                        // 3, 6.8.3)
     [](std::uint64_t) {
       std::uint64_t number = 172;
       asm volatile("mov %%ss, %%ecx; push %1; popfq; mov %%ecx, %%ss; int $0x80"
                    : "+a"(number)
                    : "r"(misdeeds::kTrapFlag)
                    : "rcx", "memory", "cc");
     }},
    {"stack-not-aligned",
     [](std::uint64_t by) {
       std::uint64_t number = 172;
       asm volatile("sub %1, %%rsp; int $0x80; push %%rax; pop %%rax; add %1, %%rsp"
                    : "+a"(number)
                    : "r"(by)
                    : "memory");
     },
     16},

    // Registers that nobody saves, and so nobody may use.
    {"x87", [](std::uint64_t) { asm volatile("fldz"); }},
    {"fwait", [](std::uint64_t) { asm volatile("fwait"); }},
    {"mmx", [](std::uint64_t) { asm volatile("movd %%eax, %%mm0" ::); }},
    {"sse", [](std::uint64_t) { asm volatile("xorps %%xmm0, %%xmm0" ::); }},
    {"fxsave",
     [](std::uint64_t) {
       asm volatile("sub $1024, %%rsp; fxsave 512(%%rsp); add $1024, %%rsp" ::: "memory");
     }},
    {"ldmxcsr",
     [](std::uint64_t) {
       asm volatile("push $0; ldmxcsr (%%rsp); pop %%rax" ::: "rax", "memory");
     }},
    {"avx", [](std::uint64_t) { asm volatile("vxorps %%ymm0, %%ymm0, %%ymm0" ::); }},
    {"xgetbv", [](std::uint64_t) { asm volatile("xgetbv" ::"c"(0)
                                                : "rax", "rdx"); }},
    {"wrfsbase", [](std::uint64_t) { asm volatile("wrfsbase %0" ::"r"(std::uint64_t{0})); }},

    // What is wrong in itself, and what is not.
    {"divide-by-zero", [](std::uint64_t) { asm volatile("div %0" ::"r"(0), "a"(0), "d"(0)); }},
    {"undefined", [](std::uint64_t) { asm volatile("ud2"); }},
    {"breakpoint", [](std::uint64_t) { asm volatile("int3"); }},
    {"debug-trap", [](std::uint64_t) { asm volatile(".byte 0xf1"); }},  // int1; no gate stops it
    {"non-canonical-read",
     [](std::uint64_t) { asm volatile("mov (%0), %%rax" ::"r"(std::uint64_t{1} << 63)
                                      : "rax"); }},
    {"cpuid", [](std::uint64_t) { asm volatile("cpuid" ::"a"(0), "c"(0)
                                               : "rbx", "rdx", "memory"); }},
    {"rdtsc",
     [](std::uint64_t) {
       asm volatile("rdtsc" ::: "rax", "rdx");
     }},
};
