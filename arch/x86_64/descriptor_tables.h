// The segments of the GDT, and what else of the descriptor tables others use (descriptor_tables.cc).
#pragma once

#include <cstdint>

#include "kernel/base/addr.h"

// Selectors: the entry's number times 8, plus the privilege level that asks (Intel SDM vol. 3, 3.4.2).
inline constexpr std::uint16_t kKernelCodeSelector = 1 << 3;
inline constexpr std::uint16_t kKernelDataSelector = 2 << 3;
inline constexpr std::uint16_t kUserDataSelector = 3 << 3 | 3;
inline constexpr std::uint16_t kUserCodeSelector = 4 << 3 | 3;

// The stack on which a trap out of user mode lands: TSS.RSP0 (7.7).
void set_trap_stack(VirtAddr top);

// Where GDT, TSS and IDT are.
VirtAddr descriptor_tables();
