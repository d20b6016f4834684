// The system registers that C++ has no word for, one function each.
#pragma once

#include <cstdint>

#include "kernel/base/addr.h"

namespace cpu {

// Ends the reordering of what was written to system registers with the instructions that follow.
inline void isb() {
  asm volatile("isb" ::: "memory");
}

// SCTLR_EL1 (Arm ARM D17.2.118). The bits that are always one in ARMv8.0, and are to be written so: later CPUs have
// given them meanings. Then: MMU, caches.
inline constexpr std::uint64_t kSctlrReservedOnes = 0x30d0'0800;
inline constexpr std::uint64_t kSctlrMmu = 1 << 0;
inline constexpr std::uint64_t kSctlrDataCache = 1 << 2;
inline constexpr std::uint64_t kSctlrInstructionCache = 1 << 12;

inline void write_sctlr(std::uint64_t value) {
  asm volatile("msr sctlr_el1, %0; isb" ::"r"(value) : "memory");
}

// TCR_EL1 (D17.2.131): for each half the size of its region (2^(64 - TnSZ) bytes), a 4 KiB granule, and walks that are
// cacheable and inner shareable: as the kernel's own accesses to tables are by their entries, or the two may see
// different bytes (B2.8). EPD1 forbids walks of the upper half. IPS is the CPU's physical address size. TBI, HPD, HA,
// HD and DS stay 0: they would give addresses and entries another meaning than Aarch64Paging does.
inline constexpr std::uint64_t kTcrLowerHalf =
    16 << 0 | 1 << 8 | 1 << 10 | 3 << 12;  // T0SZ, IRGN0, ORGN0, SH0; TG0 = 0
inline constexpr std::uint64_t kTcrUpperHalf =
    16 << 16 | 1 << 24 | 1 << 26 | std::uint64_t{3} << 28 | std::uint64_t{2} << 30;  // T1SZ, IRGN1, ORGN1, SH1; TG1 = 2
inline constexpr std::uint64_t kTcrNoUpperWalks = 1 << 23;                           // EPD1
inline constexpr unsigned kTcrPhysicalSizeShift = 32;                                // IPS

inline std::uint64_t read_tcr() {
  std::uint64_t value;
  asm volatile("mrs %0, tcr_el1" : "=r"(value));
  return value;
}
inline void write_tcr(std::uint64_t value) {
  asm volatile("msr tcr_el1, %0; isb" ::"r"(value) : "memory");
}

// What physical address size the CPU has, in the coding of TCR_EL1.IPS (ID_AA64MMFR0_EL1.PARange, D17.2.64); at most 48
// bits, which is what our entries hold.
inline std::uint64_t physical_size() {
  std::uint64_t value;
  asm volatile("mrs %0, id_aa64mmfr0_el1" : "=r"(value));
  const std::uint64_t range = value & 0xf;
  return range > 5 ? 5 : range;
}

// Device memory has to be nGnRnE or nGnRE: others may join two accesses to a register, or let them change places
// (B2.7.2).
inline void write_mair(std::uint64_t value) {
  asm volatile("msr mair_el1, %0" ::"r"(value) : "memory");
}

// A root register holds the root's physical address: no CnP, and ASID 0, which all roots share. Who gives roots numbers
// of their own has 8 bits for them (TCR_EL1.AS), and invalidates a number before another root gets it.
inline std::uint64_t read_ttbr0() {
  std::uint64_t value;
  asm volatile("mrs %0, ttbr0_el1" : "=r"(value));
  return value;
}
inline void write_ttbr0(std::uint64_t value) {
  asm volatile("msr ttbr0_el1, %0; isb" ::"r"(value) : "memory");
}

inline std::uint64_t read_ttbr1() {
  std::uint64_t value;
  asm volatile("mrs %0, ttbr1_el1" : "=r"(value));
  return value;
}
inline void write_ttbr1(std::uint64_t value) {
  asm volatile("msr ttbr1_el1, %0; isb" ::"r"(value) : "memory");
}

inline std::uint64_t read_esr() {
  std::uint64_t value;
  asm volatile("mrs %0, esr_el1" : "=r"(value));
  return value;
}
inline std::uint64_t read_far() {
  std::uint64_t value;
  asm volatile("mrs %0, far_el1" : "=r"(value));
  return value;
}
inline void write_vbar(std::uint64_t value) {
  asm volatile("msr vbar_el1, %0; isb" ::"r"(value) : "memory");
}

// DAIF.I: interrupts are masked (C5.2.2).
inline constexpr std::uint64_t kDaifInterrupts = 1 << 7;
inline std::uint64_t read_daif() {
  std::uint64_t value;
  asm volatile("mrs %0, daif" : "=r"(value));
  return value;
}

}  // namespace cpu
