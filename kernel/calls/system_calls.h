// The system calls that came after lab 3, each with Linux's arguments and errors. A tree of an earlier lab has them not
// yet.
#pragma once

#include "kernel/calls/user_arguments.h"

// Lab 5, memory_calls.cc: a process's own memory.

// brk(end): moves the end of the heap to `end`. Returns where it is now: where it was if that cannot be, or if `end` is
// 0.
Value system_brk(const Arguments6& arguments);

// mmap(hint, size, protection, flags, file, offset): private, anonymous memory only. Returns where it begins.
Value system_mmap(const Arguments6& arguments);

// munmap(start, size).
Value system_munmap(const Arguments6& arguments);

// mprotect(start, size, protection).
Value system_mprotect(const Arguments6& arguments);

// Lab 5, execute.cc.

// execve(program, arguments, environment): of the environment, programs here see nothing.
Value system_execve(const Arguments6& arguments);

// Lab 5, describe.cc.

// The system calls describe_...(number, to): the thing of that number, counted from 0. Areas are those of the process
// that asks. They return 1, or 0 if there are not so many.
Value system_describe_program(const Arguments6& arguments);
Value system_describe_process(const Arguments6& arguments);
Value system_describe_area(const Arguments6& arguments);

// Lab 6, fork_call.cc.

// fork(): returns the number of the child, and in the child 0.
Value system_fork();
