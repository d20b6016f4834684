// From a file of the archive to an address space in which the program can begin.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/result.h"
#include "kernel/program/arguments.h"
#include "kernel/program/elf.h"
#include "kernel/space/address_space.h"

struct LoadedProgram {
  AddressSpace space;
  VirtAddr entry;
  VirtAddr stack_pointer;
  std::uint64_t thread_pointer;  // 0 if it has no thread-local variables
};

// A new space for `program`, with its file, its stack and its arguments. kNoProgram, kNotExecutable, kNoMemory,
// kNoSlot: then nothing is left of it.
Result<LoadedProgram> load_program(std::string_view program, const ArgumentList& arguments);
