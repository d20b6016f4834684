// The system calls about processes: who one is, how to start another, to wait and to end.
#include <algorithm>

#include "kernel/base/clock.h"
#include "kernel/calls/error_numbers.h"
#include "kernel/calls/system_call_numbers.h"
#include "kernel/calls/system_calls.h"
#include "kernel/process/end.h"
#include "kernel/process/scheduler.h"
#include "kernel/program/program.h"

namespace {

// As Linux's struct timespec.
struct TimeSpan {
  std::int64_t seconds, nanoseconds;
};

Result<Value> spawn(VirtAddr name, VirtAddr array) {
  std::array<char, kLongestName> buffer;
  const std::string_view program = TRY(get_string(buffer, name));
  const ArgumentList arguments = TRY(get_arguments(array));
  return TRY(start_program(current(), program, arguments))->pid;
}

// A child that has ended: `pid`, or any if that is -1. Nothing if it still runs. kNoChild.
Result<Process*> find_ended(std::int64_t pid) {
  bool has_child = false;
  for (Process& process : processes()) {
    if (process.state == ProcessState::kFree || process.parent != &current()) continue;
    if (pid != -1 && process.pid != static_cast<std::uint64_t>(pid)) continue;
    has_child = true;
    if (process.state == ProcessState::kZombie) return &process;
  }
  if (has_child) return nullptr;
  return std::unexpected(Error::kNoChild);
}

Result<Value> wait_for(std::int64_t pid, VirtAddr status, bool may_wait) {
  Process* ended = TRY(find_ended(pid));
  while (ended == nullptr && may_wait) {
    wait_for_child();
    ended = TRY(find_ended(pid));
  }
  if (ended == nullptr) return 0;
  if (status != VirtAddr{}) {  // first, so that a bad pointer does not lose the child
    TRY(give(status, std::as_bytes(std::span(&ended->status, 1))));
  }
  const Value number = ended->pid;
  reap(*ended);
  return number;
}

}  // namespace

Value system_getpid() {
  return current().pid;
}

Value system_sched_yield() {
  yield();
  return 0;
}

// Sleeps for at least that long, in whole ticks of kTickMicroseconds. Nothing interrupts a sleep, so the second
// argument, which would tell what remained, is never written.
Value system_nanosleep(const Arguments6& arguments) {
  constexpr std::int64_t kSecond = 1'000'000'000, kTick = std::int64_t{kTickMicroseconds} * 1000;
  TimeSpan asked{};
  const auto copied = get(std::as_writable_bytes(std::span(&asked, 1)), VirtAddr{arguments[0]});
  if (!copied) return error_number(copied.error());
  if (asked.seconds < 0 || asked.nanoseconds < 0 || asked.nanoseconds >= kSecond) return -error_numbers::kEINVAL;
  constexpr std::int64_t kLongest = 1 << 30;  // 34 years
  const std::int64_t whole = std::min(asked.seconds, kLongest) * (kSecond / kTick);
  const std::int64_t rest = (asked.nanoseconds + kTick - 1) / kTick;
  sleep_until(ticks() + static_cast<std::uint64_t>(whole + rest) + 1);  // the current tick is over in part
  return 0;
}

Value system_wait4(const Arguments6& arguments) {
  const auto pid = static_cast<std::int32_t>(arguments[0]);
  const std::uint64_t options = arguments[2];
  // No process groups, and no accounting of resources (the fourth argument).
  if ((options & ~kWaitNoHang) != 0 || arguments[3] != 0 || pid == 0 || pid < -1) return -error_numbers::kEINVAL;
  return value_of(wait_for(pid, VirtAddr{arguments[1]}, (options & kWaitNoHang) == 0));
}

Value system_exit(const Arguments6& arguments) {
  end_current(exit_status(static_cast<unsigned>(arguments[0])));
}

Value system_spawn(const Arguments6& arguments) {
  return value_of(spawn(VirtAddr{arguments[0]}, VirtAddr{arguments[1]}));
}

Value system_ignore_interrupt(const Arguments6& arguments) {
  current().ignores_interrupt = arguments[0] != 0;
  return 0;
}
