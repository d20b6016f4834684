// How commands write down flags and the root they work on.
#pragma once

#include <optional>
#include <string_view>

#include "arch/arch.h"
#include "kernel/base/print.h"
#include "kernel/map/kernel_regions.h"

// Flags as letters: w(rite), x (execute), u(ser), g(lobal), d(evice), r for none of them. Nothing if another letter
// occurs.
std::optional<PageFlags> parse_flags(std::string_view letters);

// The table that the hardware walks for `va` now.
inline KernelTable active_table(VirtAddr va) {
  return KernelTable(Arch::active_root(va));
}

// Adds result=ok or result=<error> to the fact.
void add_result(Fact& fact, const Result<void>& result);
