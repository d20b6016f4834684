// The privileged instructions and registers that C++ has no word for, one function each.
#pragma once

#include <cstdint>

#include "kernel/base/addr.h"

namespace cpu {

// CR0, CR4 and EFER (Intel SDM vol. 3, 2.5 and 2.2.1).
inline constexpr std::uint64_t kCr0WriteProtect = 1 << 16;  // the kernel, too, obeys W=0
inline constexpr std::uint64_t kCr4GlobalPages = 1 << 7;    // reserved on a CPU that does not have them
inline constexpr std::uint32_t kEfer = 0xc000'0080;
inline constexpr std::uint64_t kEferNoExecute = 1 << 11;  // bit 63 of an entry means NX; without it, it is reserved

inline std::uint64_t read_cr0() {
  std::uint64_t value;
  asm volatile("mov %%cr0, %0" : "=r"(value));
  return value;
}
inline void write_cr0(std::uint64_t value) {
  asm volatile("mov %0, %%cr0" ::"r"(value) : "memory");
}

inline std::uint64_t read_cr2() {
  std::uint64_t value;
  asm volatile("mov %%cr2, %0" : "=r"(value));
  return value;
}

inline std::uint64_t read_cr3() {
  std::uint64_t value;
  asm volatile("mov %%cr3, %0" : "=r"(value));
  return value;
}
// Loads a root, which is a physical address and nothing else: bits 3 and 4, PWT and PCD, would have the CPU read the
// root in another way than the kernel writes it (4.9). Forgets all translations but the global ones (4.10.4.1).
inline void write_cr3(std::uint64_t value) {
  asm volatile("mov %0, %%cr3" ::"r"(value) : "memory");
}

inline std::uint64_t read_cr4() {
  std::uint64_t value;
  asm volatile("mov %%cr4, %0" : "=r"(value));
  return value;
}
inline void write_cr4(std::uint64_t value) {
  asm volatile("mov %0, %%cr4" ::"r"(value) : "memory");
}

inline std::uint64_t read_msr(std::uint32_t msr) {
  std::uint32_t low, high;
  asm volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
  return std::uint64_t{high} << 32 | low;
}
inline void write_msr(std::uint32_t msr, std::uint64_t value) {
  asm volatile("wrmsr" ::"c"(msr), "a"(static_cast<std::uint32_t>(value)), "d"(static_cast<std::uint32_t>(value >> 32))
               : "memory");
}

// CPUID, leaf 1, EDX, bit 13 (Intel SDM vol. 2, CPUID; vol. 3, 4.1.4).
inline bool has_global_pages() {
  std::uint32_t leaf = 1, ebx, ecx = 0, edx;
  asm volatile("cpuid" : "+a"(leaf), "=b"(ebx), "+c"(ecx), "=d"(edx));
  return (edx & 1 << 13) != 0;
}

inline void invlpg(VirtAddr va) {
  asm volatile("invlpg (%0)" ::"r"(va.raw()) : "memory");
}

inline std::uint64_t read_flags() {
  std::uint64_t value;
  asm volatile("pushfq; pop %0" : "=r"(value));
  return value;
}
inline constexpr std::uint64_t kFlagInterrupts = 1 << 9;

inline void out8(std::uint16_t port, std::uint8_t value) {
  asm volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}
inline std::uint8_t in8(std::uint16_t port) {
  std::uint8_t value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

}  // namespace cpu
