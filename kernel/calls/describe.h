// What the system calls that describe things look up.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/calls/descriptions.h"
#include "kernel/calls/user_arguments.h"
#include "kernel/process/process.h"
#include "kernel/space/vma.h"

// A stable name for facts: "heap".
std::string_view name(VmaKind kind);

// How many pages of the area are there.
std::uint64_t count_present(const AddressSpace& space, const Vma& area);
