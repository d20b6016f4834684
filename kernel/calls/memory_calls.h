// The system calls about a process's own memory, with Linux's arguments and errors.
#pragma once

#include "kernel/calls/user_arguments.h"

// brk(end): moves the end of the heap to `end`. Returns where it is now: where it was if that cannot be, or if `end` is
// 0.
Value system_brk(const Arguments6& arguments);

// mmap(hint, size, protection, flags, file, offset): private, anonymous memory only. Returns where it begins.
Value system_mmap(const Arguments6& arguments);

// munmap(start, size).
Value system_munmap(const Arguments6& arguments);

// mprotect(start, size, protection).
Value system_mprotect(const Arguments6& arguments);
