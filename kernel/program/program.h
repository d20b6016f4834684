// Starting a program: from a file of the archive to a process that is ready to run.
#pragma once

#include <string_view>

#include "kernel/base/result.h"
#include "kernel/process/process.h"
#include "kernel/program/arguments.h"

// Starts the program as a child of `parent`; it is ready to run. kNoProgram, kNotExecutable, kNoProcess, kNoMemory,
// kNoSlot: then nothing is left of it.
Result<Process*> start_program(Process& parent, std::string_view program, const ArgumentList& arguments);
