// What a trap frame and the CPU's registers say about an exception.
#pragma once

#include <cstdint>
#include <string_view>

#include "arch/x86_64/trap_frame.h"
#include "kernel/base/trap.h"

// Which mode was interrupted: the privilege level is in the lowest bits of cs (Intel SDM vol. 3, 5.5).
inline Mode mode_of(const TrapFrame& frame) {
  return (frame.cs & 3) == 3 ? Mode::kUser : Mode::kKernel;
}

// What vector 14 reports. Reads CR2: call it before the next page fault can happen.
Fault decode_page_fault(const TrapFrame& frame);

// The exception's name in the table of vectors (Intel SDM vol. 3, table 6-1).
std::string_view exception_name(std::uint64_t vector);
