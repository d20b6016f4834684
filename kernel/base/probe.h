// Accesses that may fault without harm: the kernel reports the fault and goes on.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/base/addr.h"
#include "kernel/base/trap.h"

// Reads, writes or calls `va` and comes back even if that faults: then the result is nothing or false.
std::optional<std::uint32_t> probe_read(VirtAddr va);
bool probe_write(VirtAddr va, std::uint32_t value);
bool probe_execute(VirtAddr va);

// For the ISA's handler. What the probe does whose access is at `pc`; nothing if no probe is there.
std::optional<Access> probed_access(VirtAddr pc);
// If the fault is a probe's: prints it, and gives the address to go on at, with all other registers as they are.
std::optional<VirtAddr> recover_probe(const Fault& fault);
