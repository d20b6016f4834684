// The tables in which x86 keeps its segments (GDT), its stack for emergencies (TSS) and its exception vectors (IDT).
// They are filled at run time: their addresses differ before and after lab 2's move.
#include <array>
#include <cstdint>

#include "arch/arch.h"
#include "arch/x86_64/descriptor_tables.h"
#include "arch/x86_64/traps.h"
#include "kernel/base/layout.h"

extern "C" const char trap_stubs[];  // trap_entry.S: kVectors stubs of kStubSize bytes

namespace {

constexpr std::uint64_t kStubSize = 16;

// Segment descriptors (Intel SDM vol. 3, 3.4.5 and 5.2.1): present, code or data; L: 64-bit code.
constexpr std::uint64_t kKernelCode = 0x00af'9b00'0000'ffff;
constexpr std::uint64_t kKernelData = 0x00cf'9300'0000'ffff;
constexpr std::uint64_t kUserData = 0x00cf'f300'0000'ffff;  // privilege level 3
constexpr std::uint64_t kUserCode = 0x00af'fb00'0000'ffff;
constexpr std::uint16_t kTssSelector = 5 << 3;

// The 64-bit TSS (7.7): stack pointers for privilege changes, and the interrupt stack table.
struct [[gnu::packed]] Tss {
  std::uint32_t reserved0;
  std::uint64_t rsp[3];
  std::uint64_t reserved1;
  std::uint64_t ist[7];
  std::uint64_t reserved2;
  std::uint16_t reserved3;
  std::uint16_t io_map_base;
};
static_assert(sizeof(Tss) == 104);

// A gate of the IDT (6.14.1).
struct Gate {
  std::uint64_t low, high;
};

// The operand of lgdt and lidt.
struct [[gnu::packed]] TablePointer {
  std::uint16_t limit;
  std::uint64_t base;
};

struct DescriptorTables {
  std::array<std::uint64_t, 7> gdt;
  Tss tss;
  std::array<Gate, kVectors> idt;
};
constinit DescriptorTables g_tables{};

// An interrupt gate (type 14: interrupts go off). `stack`: 0 stays on the current stack, n takes entry n - 1 of the
// interrupt stack table. `level`: who may use the gate by an `int` instruction, 0 the kernel alone, 3 users too.
Gate interrupt_gate(std::uint64_t handler, unsigned stack, unsigned level) {
  constexpr std::uint64_t kPresentInterruptGate = 0x8e00'0000'0000;
  return {(handler & 0xffff) | std::uint64_t{kKernelCodeSelector} << 16 | std::uint64_t{stack} << 32 |
              kPresentInterruptGate | std::uint64_t{level} << 45 | (handler & 0xffff'0000) << 32,
          handler >> 32};
}

// The two words of a TSS descriptor (7.2.3).
std::array<std::uint64_t, 2> tss_descriptor(std::uint64_t base) {
  constexpr std::uint64_t kPresentTss = 0x8900'0000'0000;
  return {(sizeof(Tss) - 1) | (base & 0xff'ffff) << 16 | kPresentTss | (base & 0xff00'0000) << 32, base >> 32};
}

// No table of local segments (LDT): the one that is in force after reset lies at address 0 (Intel SDM vol. 3, table
// 9-1), where a program could lay a call gate of its own and walk through it into the kernel.
void load(DescriptorTables& tables) {
  const TablePointer gdt{sizeof(tables.gdt) - 1, reinterpret_cast<std::uint64_t>(&tables.gdt)};
  const TablePointer idt{sizeof(tables.idt) - 1, reinterpret_cast<std::uint64_t>(&tables.idt)};
  asm volatile(
      "lgdt %0\n\t"
      "lidt %1\n\t"
      "mov %w2, %%ds\n\t"
      "mov %w2, %%es\n\t"
      "mov %w2, %%ss\n\t"
      "push %3\n\t"  // a far return loads cs
      "lea 1f(%%rip), %%rax\n\t"
      "push %%rax\n\t"
      "lretq\n"
      "1:\tltr %w4\n\t"
      "lldt %w5"
      :
      : "m"(gdt), "m"(idt), "r"(kKernelDataSelector), "i"(kKernelCodeSelector), "r"(kTssSelector), "r"(0)
      : "rax", "memory");
}

}  // namespace

void Arch::install_traps() {
  DescriptorTables& tables = g_tables;
  tables.tss.ist[0] = to_virtual(image_map.emergency_stack_end).raw();
  tables.tss.io_map_base = sizeof(Tss);
  const auto [tss_low, tss_high] = tss_descriptor(reinterpret_cast<std::uint64_t>(&tables.tss));
  tables.gdt = {0, kKernelCode, kKernelData, kUserData, kUserCode, tss_low, tss_high};
  for (unsigned vector = 0; vector < kVectors; ++vector) {
    const std::uint64_t stub = reinterpret_cast<std::uint64_t>(trap_stubs) + vector * kStubSize;
    const bool for_users = vector == kBreakpointVector || vector == kSystemCallVector;
    tables.idt[vector] = interrupt_gate(stub, vector == kDoubleFaultVector ? 1 : 0, for_users ? 3 : 0);
  }
  load(tables);
}

void set_trap_stack(VirtAddr top) {
  g_tables.tss.rsp[0] = top.raw();
}

VirtAddr descriptor_tables() {
  return VirtAddr{reinterpret_cast<std::uint64_t>(&g_tables)};
}
