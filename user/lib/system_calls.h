// The system calls as functions. Each returns the kernel's own result: a value, or if it failed a negative error number
// (kernel/calls/error_numbers.h). There is no errno. A pointer goes to the kernel as it is, so that a program can find
// out what the kernel does with a bad one.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernel/calls/descriptions.h"
#include "kernel/calls/system_call_numbers.h"
#include "system_call.h"  // of the ISA: user/lib/<isa>/

inline std::uint64_t bits_of(const void* pointer) {
  return reinterpret_cast<std::uintptr_t>(pointer);
}

// Ends this process; its parent can read the low eight bits of `status`.
[[noreturn]] inline void exit(int status) {
  system_call(system_calls::kExit, status);
  __builtin_trap();  // a kernel that comes back here has lost its way
}

// Reads up to `size` bytes from file 0, the console. Returns how many there were.
inline std::int64_t read(int file, void* to, std::size_t size) {
  return system_call(system_calls::kRead, file, bits_of(to), size);
}

// Writes to file 1, the console. Returns how many bytes were written, which may be fewer than `size`.
inline std::int64_t write(int file, const void* from, std::size_t size) {
  return system_call(system_calls::kWrite, file, bits_of(from), size);
}

// The number of this process.
inline std::int64_t getpid() {
  return system_call(system_calls::kGetpid);
}

// Lets other processes run first.
inline std::int64_t sched_yield() {
  return system_call(system_calls::kSchedYield);
}

// As Linux lays out its struct timespec.
struct Duration {
  std::int64_t seconds;
  std::int64_t nanoseconds;
};

// Sleeps for at least so long.
inline std::int64_t nanosleep(const Duration* duration) {
  return system_call(system_calls::kNanosleep, bits_of(duration), 0);
}

// Starts a program of the archive as a child of this process; a null pointer ends `arguments`, whose first is by custom
// the program's name. Returns the child's number.
inline std::int64_t spawn(const char* program, const char* const* arguments) {
  return system_call(system_calls::kSpawn, bits_of(program), bits_of(arguments));
}

// Makes a child that goes on here, too, in a copy of this process's memory. Returns the child's number, and 0 in the
// child.
inline std::int64_t fork() {
  return system_call(system_calls::kFork);
}

// Becomes another program of the archive; returns only if that failed, and then nothing has changed. `environment` is
// not looked at.
inline std::int64_t execve(const char* program, const char* const* arguments,
                           const char* const* environment = nullptr) {
  return system_call(system_calls::kExecve, bits_of(program), bits_of(arguments), bits_of(environment));
}

// Moves the end of the heap, and returns where it is now: as before if it could not be moved, or if `end` is null.
inline std::int64_t brk(const void* end) {
  return system_call(system_calls::kBrk, bits_of(end));
}

// Maps `size` bytes of zeros, and returns where: at `hint` or where there is room, exactly there with kMapFixed.
// Nothing but kMapPrivate | kMapAnonymous is supported (memory_options in kernel/calls/system_call_numbers.h).
inline std::int64_t mmap(const void* hint, std::size_t size, std::uint64_t protection, std::uint64_t flags,
                         int file = -1, std::uint64_t offset = 0) {
  return system_call(system_calls::kMmap, bits_of(hint), size, protection, flags, file, offset);
}

// Takes away what is mapped in a range; 0 if it worked.
inline std::int64_t munmap(const void* start, std::size_t size) {
  return system_call(system_calls::kMunmap, bits_of(start), size);
}

// Changes what may be done with a range; 0 if it worked.
inline std::int64_t mprotect(const void* start, std::size_t size, std::uint64_t protection) {
  return system_call(system_calls::kMprotect, bits_of(start), size, protection);
}

// What there is: thing number `number` of its kind, from 0 on. 1, or 0 if there are not so many.
inline std::int64_t describe_program(std::uint64_t number, ProgramDescription* to) {
  return system_call(system_calls::kDescribeProgram, number, bits_of(to));
}
inline std::int64_t describe_process(std::uint64_t number, ProcessDescription* to) {
  return system_call(system_calls::kDescribeProcess, number, bits_of(to));
}
// Of the areas of this process's own memory.
inline std::int64_t describe_area(std::uint64_t number, AreaDescription* to) {
  return system_call(system_calls::kDescribeArea, number, bits_of(to));
}

// Whether Ctrl-C leaves this process alone, which a shell wants; a child begins without.
inline std::int64_t ignore_interrupt(bool ignored) {
  return system_call(system_calls::kIgnoreInterrupt, ignored);
}

// Waits until child `pid`, or any child if that is -1, has ended. Returns its number, and in *status how it ended
// unless `status` is null. With kWaitNoHang it does not wait: 0 says that the child still runs.
inline std::int64_t wait4(std::int64_t pid, int* status, std::uint64_t options = 0) {
  return system_call(system_calls::kWait4, pid, bits_of(status), options, 0);
}

// What a status of wait4 says: the signal that killed the child or 0, and if 0 what the child gave to exit().
constexpr int signal_of(int status) {
  return status & 0x7f;
}
constexpr int exit_code_of(int status) {
  return status >> 8 & 0xff;
}
