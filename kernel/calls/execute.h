// Replacing the program of a process.
#pragma once

#include <string_view>

#include "kernel/base/result.h"
#include "kernel/program/arguments.h"

// Replaces the program that the current process runs. When it returns to user mode it is at the entry of the new one,
// in an address space that holds nothing of the old. kNoProgram, kNotExecutable, kNoMemory, kNoSlot: then the old
// program goes on, and has lost nothing.
Result<void> execute_program(std::string_view program, const ArgumentList& arguments);
