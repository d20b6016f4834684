// A process that makes another one like itself.
#pragma once

#include "kernel/base/result.h"
#include "kernel/process/process.h"

// Makes a child of the current process, which is in a system call. The child is ready to run; it returns from the same
// system call, with 0, to the same place, with the same registers, in a copy of the address space. kNoProcess,
// kNoMemory, kNoSlot: then nothing is left of it.
Result<Process*> fork_current();
