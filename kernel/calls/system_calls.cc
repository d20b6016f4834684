// The system calls, with Linux's names, arguments and error numbers: which number is which function.
#include "kernel/calls/system_calls.h"

#include "kernel/calls/error_numbers.h"
#include "kernel/calls/system_call_numbers.h"
#include "kernel/process/user_trap.h"

namespace {

Value dispatch(std::uint64_t number, const Arguments6& arguments) {
  switch (number) {
    case system_calls::kRead: return system_read(arguments);
    case system_calls::kWrite: return system_write(arguments);
    case system_calls::kExit: return system_exit(arguments);
    case system_calls::kNanosleep: return system_nanosleep(arguments);
    case system_calls::kSchedYield: return system_sched_yield();
    case system_calls::kGetpid: return system_getpid();
    case system_calls::kWait4: return system_wait4(arguments);
    case system_calls::kSpawn: return system_spawn(arguments);
    case system_calls::kIgnoreInterrupt: return system_ignore_interrupt(arguments);
    // @from 5
    case system_calls::kBrk: return system_brk(arguments);
    case system_calls::kMunmap: return system_munmap(arguments);
    case system_calls::kExecve: return system_execve(arguments);
    case system_calls::kMmap: return system_mmap(arguments);
    case system_calls::kMprotect: return system_mprotect(arguments);
    case system_calls::kDescribeProgram: return system_describe_program(arguments);
    case system_calls::kDescribeProcess: return system_describe_process(arguments);
    case system_calls::kDescribeArea: return system_describe_area(arguments);
    // @end
    // @from 6
    case system_calls::kFork: return system_fork();
    // @end
    default: return -error_numbers::kENOSYS;
  }
}

}  // namespace

std::uint64_t handle_system_call(std::uint64_t number, const std::array<std::uint64_t, 6>& arguments) {
  return static_cast<std::uint64_t>(dispatch(number, arguments));
}
