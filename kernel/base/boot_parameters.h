// What whoever started the machine asks for: one structure at a fixed physical address, put there by QEMU's loader
// device, the same on every ISA. If it is absent, defaults hold.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/addr.h"

// The largest size of the parameters, script included.
inline constexpr std::uint64_t kBootParametersSize = 64 * kKiB;
inline constexpr std::uint64_t kBootParametersMagic = 0x6b6c'6177'6567'6170;  // "pagewalk"

struct BootParameters {
  std::uint64_t magic;
  std::uint64_t nonce;            // given back in @boot, so that a transcript belongs to one run
  std::uint64_t ram_bytes;        // size of RAM
  std::uint64_t fail_allocation;  // the k-th frame allocation fails; 0: none does
  std::uint64_t script_bytes;     // commands for the monitor follow this structure
};

// The parameters as they lie in memory, or the defaults: 64 MiB of RAM, no script.
BootParameters boot_parameters();

// The monitor's commands, one a line; empty if there are none. Stays where the loader put it.
std::string_view boot_script();
