// The system calls, each with Linux's arguments and errors. A tree of an earlier lab does not have those of later ones.
#pragma once

#include "kernel/calls/user_arguments.h"

// From lab 3 on, console_calls.cc.

// read(0, to, size): waits until something was typed. Returns how many bytes of it there are.
Value system_read(const Arguments6& arguments);

// write(file, from, size): prints, whether the file is 1 or 2. Returns how many bytes were printed.
Value system_write(const Arguments6& arguments);

// From lab 3 on, process_calls.cc.

Value system_getpid();
Value system_sched_yield();

// exit(status): does not return.
Value system_exit(const Arguments6& arguments);

// nanosleep(time, rest).
Value system_nanosleep(const Arguments6& arguments);

// wait4(pid, status, options, usage): a child, or any if `pid` is -1. Returns its number.
Value system_wait4(const Arguments6& arguments);

// spawn(program, arguments): starts a child. Returns its number.
Value system_spawn(const Arguments6& arguments);

// ignore_interrupt(yes): whether Ctrl-C leaves the process alone.
Value system_ignore_interrupt(const Arguments6& arguments);

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
