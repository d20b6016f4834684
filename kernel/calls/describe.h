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

// The system calls describe_...(number, to): the thing of that number, counted from 0. Areas are those of the process
// that asks. They return 1, or 0 if there are not so many.
Value system_describe_program(const Arguments6& arguments);
Value system_describe_process(const Arguments6& arguments);
Value system_describe_area(const Arguments6& arguments);
