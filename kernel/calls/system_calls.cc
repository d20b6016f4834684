// The system calls, with Linux's names, arguments and error numbers.
#include <algorithm>
#include <cstddef>

#include "arch/arch.h"
#include "kernel/base/clock.h"
#include "kernel/base/console.h"
#include "kernel/base/print.h"
#include "kernel/calls/error_numbers.h"
#include "kernel/calls/system_call_numbers.h"
#include "kernel/calls/system_calls.h"
#include "kernel/calls/user_arguments.h"
#include "kernel/process/end.h"
#include "kernel/process/keyboard.h"
#include "kernel/process/scheduler.h"
#include "kernel/process/user_trap.h"
#include "kernel/program/program.h"

namespace {

// How many bytes write and read move at a time, by way of the kernel's stack.
constexpr std::size_t kPieceSize = 512;

// The most that one call prints. Until it returns, the timer is not heard, nor Ctrl-C.
constexpr std::uint64_t kMostPrinted = 16 * kKiB;

// Prints what the user's memory holds. Stops at the first piece that is not the user's: what was printed counts.
Result<Value> write_console(VirtAddr from, std::uint64_t wanted) {
  const std::uint64_t size = std::min(wanted, kMostPrinted);
  std::array<char, kPieceSize> buffer;
  std::uint64_t done = 0;
  while (done < size) {
    const std::span piece(buffer.data(), std::min<std::uint64_t>(size - done, kPieceSize));
    const auto copied = get(std::as_writable_bytes(piece), from + done);
    if (!copied && done == 0) return std::unexpected(copied.error());
    if (!copied) break;
    print_raw({piece.data(), piece.size()});
    done += piece.size();
    if (done < size) yield();  // the serial port is slow: the others need not wait for all of it
  }
  return static_cast<Value>(done);
}

Value system_write(const Arguments6& arguments) {
  const std::uint64_t file = arguments[0];
  if (file != 1 && file != 2) return -error_numbers::kEBADF;
  return value_of(write_console(VirtAddr{arguments[1]}, arguments[2]));
}

// Waits until something was typed, and takes what is there, as far as the page reaches in which it goes. Whether the
// user may have it there is asked first: what has been taken from the console cannot be given back.
Result<Value> read_console(VirtAddr to, std::uint64_t size) {
  TRY(expect_writable(to));
  std::array<char, kPieceSize> buffer;
  const std::size_t most = std::min<std::uint64_t>(within_page(to, size), kPieceSize);
  std::size_t count = 0;
  for (auto typed = console_read();; typed = console_read()) {
    if (typed) buffer[count++] = *typed;
    if (count == most || (count > 0 && !typed)) break;
    if (!typed) sleep_until(ticks() + 1);
  }
  if (obey_keyboard()) yield();  // before anybody acts on what was typed after a Ctrl-C: parents see to the ended first
  TRY(give(to, std::as_bytes(std::span(buffer.data(), count))));
  return static_cast<Value>(count);
}

Value system_read(const Arguments6& arguments) {
  if (arguments[0] != 0) return -error_numbers::kEBADF;
  if (arguments[2] == 0) return 0;
  return value_of(read_console(VirtAddr{arguments[1]}, arguments[2]));
}

// As Linux's struct timespec.
struct TimeSpan {
  std::int64_t seconds, nanoseconds;
};

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

Value system_wait4(const Arguments6& arguments) {
  const auto pid = static_cast<std::int32_t>(arguments[0]);
  const std::uint64_t options = arguments[2];
  // No process groups, and no accounting of resources (the fourth argument).
  if ((options & ~kWaitNoHang) != 0 || arguments[3] != 0 || pid == 0 || pid < -1) return -error_numbers::kEINVAL;
  return value_of(wait_for(pid, VirtAddr{arguments[1]}, (options & kWaitNoHang) == 0));
}

Value dispatch(std::uint64_t number, const Arguments6& arguments) {
  switch (number) {
    case system_calls::kRead: return system_read(arguments);
    case system_calls::kWrite: return system_write(arguments);
    case system_calls::kExit: end_current(exit_status(static_cast<unsigned>(arguments[0])));
    case system_calls::kNanosleep: return system_nanosleep(arguments);
    case system_calls::kSchedYield: yield(); return 0;
    case system_calls::kGetpid: return current().pid;
    case system_calls::kWait4: return system_wait4(arguments);
    case system_calls::kSpawn: return value_of(spawn(VirtAddr{arguments[0]}, VirtAddr{arguments[1]}));
    case system_calls::kIgnoreInterrupt: current().ignores_interrupt = arguments[0] != 0; return 0;
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
