// Parents and children: spawn and wait4 in all the ways that differ. The children are user/tests/child.cc, with a word
// that says what each is to do. Prints what was wrong, and exits with 0 if nothing was.
#include <cstdint>

#include "kernel/calls/error_numbers.h"
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

namespace {

using namespace error_numbers;

constexpr int kSegmentationFault = 11;  // Linux's SIGSEGV

int g_wrong = 0;

void expect_equal(const char* what, std::int64_t seen, std::int64_t expected) {
  if (seen == expected) return;
  printf("family: %s: got %ld, expected %ld\n", what, seen, expected);
  ++g_wrong;
}

// Starts a child with a task and perhaps an argument, and returns its number. Without it there is nothing to check.
std::int64_t start(const char* task, const char* argument = nullptr) {
  const char* const arguments[] = {"child", task, argument, nullptr};
  const std::int64_t pid = spawn("child", arguments);
  if (pid > 0) return pid;
  printf("family: spawn returned %ld\n", pid);
  exit(1);
}

// Waits for `pid`, and checks how it ended.
void expect_exit(const char* what, std::int64_t pid, int exit_code) {
  int status = -1;
  expect_equal(what, wait4(pid, &status), pid);
  expect_equal(what, status, exit_code << 8);
}

void check_exit_codes() {
  expect_exit("a child's exit code", start("exit", "7"), 7);
  expect_exit("an exit code above 255", start("exit", "261"), 5);
  expect_exit("a negative exit code", start("exit", "-1"), 255);
  expect_exit("a child's arguments", start("look", "at two words"), 0);
  const std::int64_t pid = start("pid");
  expect_exit("a child's getpid", pid, static_cast<int>(pid) & 0xff);
  expect_equal("wait4 without a place for the status", wait4(start("exit", "7"), nullptr) > 0, 1);
}

// The kernel takes the array as it is: its first argument is the caller's, and there may be none.
void check_argument_arrays() {
  const char* const renamed[] = {"by another name", "another", nullptr};
  expect_exit("a child by another name", spawn("child", renamed), 0);
  const char* const none[] = {nullptr};
  expect_exit("a child with an empty array", spawn("child", none), 90);
  expect_exit("a child without an array", spawn("child", nullptr), 90);
}

void check_killed_child() {
  const std::int64_t pid = start("touch", "8");
  int status = -1;
  expect_equal("wait4 for a child that faults", wait4(pid, &status), pid);
  expect_equal("the signal of a child that faults", status, kSegmentationFault);
}

void check_wait_for_one_of_several() {
  const std::int64_t first = start("exit", "1");
  const std::int64_t second = start("exit", "2");
  const std::int64_t third = start("dawdle");
  expect_exit("the third of three children", third, 5);
  expect_exit("the second of three children", second, 2);
  expect_exit("the first of three children", first, 1);
}

void check_wait_for_any() {
  constexpr int kChildren = 3;
  const char* const codes[kChildren] = {"0", "1", "2"};
  std::int64_t pids[kChildren];
  for (int i = 0; i < kChildren; ++i) pids[i] = start("exit", codes[i]);
  for (int i = 0; i < kChildren; ++i) {
    int status = -1;
    const std::int64_t pid = wait4(-1, &status);
    const int code = exit_code_of(status);
    if (signal_of(status) != 0 || code >= kChildren || pids[code] != pid) {
      printf("family: wait4(-1): got child %ld with status 0x%x, which is none of mine\n", pid, status);
      ++g_wrong;
      continue;
    }
    pids[code] = 0;  // each comes once
  }
}

void check_no_child() {
  int status = 0x55;
  expect_equal("wait4(-1) without children", wait4(-1, &status), -kECHILD);
  expect_equal("wait4(-1, WNOHANG) without children", wait4(-1, &status, kWaitNoHang), -kECHILD);
  expect_equal("wait4 for myself", wait4(getpid(), &status), -kECHILD);
  const std::int64_t pid = start("exit", "3");
  expect_equal("wait4 for a stranger", wait4(pid + 1000, &status), -kECHILD);
  expect_exit("the one child there is", pid, 3);
  expect_equal("wait4 for a child that is gone", wait4(pid, &status), -kECHILD);
  expect_equal("the status where there is no child", status, 0x55);
}

// The child gives us 200 turns, so we do come back before it ends, however slow the machine is.
void check_not_waiting() {
  const std::int64_t pid = start("dawdle");
  int status = 0x55;
  int turns = 0;
  std::int64_t result = wait4(pid, &status, kWaitNoHang);
  expect_equal("the first wait4 with WNOHANG", result, 0);
  expect_equal("the status of a child that still runs", status, 0x55);
  for (; result == 0 && turns < 1'000'000; ++turns) {
    sched_yield();
    result = wait4(-1, &status, kWaitNoHang);
  }
  expect_equal("the last wait4 with WNOHANG", result, pid);
  expect_equal("its status", status, 5 << 8);
  if (turns < 2) {
    printf("family: the child was gone after %d turns\n", turns);
    ++g_wrong;
  }
}

// An address that the kernel must not write to for us costs no child.
void check_bad_status() {
  const std::int64_t pid = start("exit", "9");
  const std::uint64_t bad_addresses[] = {
      8,                             // page 0
      0x0000'7fff'ffff'f000,         // after the last user address
      0xffff'8000'0000'0000,         // the kernel's half
      0xffff'ffff'ffff'fffe,         // would wrap around
      bits_of("read-only") & ~3ull,  // may be read, but not written
  };
  for (const std::uint64_t address : bad_addresses) {
    expect_equal("wait4 with a bad status pointer", wait4(pid, reinterpret_cast<int*>(address)), -kEFAULT);
  }
  expect_exit("the child after the bad pointers", pid, 9);
}

void check_orphan() {
  expect_exit("a child that leaves an orphan", start("orphan"), 0);
  int status = -1;
  expect_equal("wait4(-1) with only a grandchild", wait4(-1, &status), -kECHILD);
}

void check_spawn_errors() {
  const char* const arguments[] = {"child", nullptr};
  const auto* const kernel_address = reinterpret_cast<const char*>(0xffff'8000'0000'0000);
  const char* const bad_arguments[] = {"child", kernel_address, nullptr};
  expect_equal("spawn of a program that is not there", spawn("no-such-program", arguments), -kENOENT);
  expect_equal("spawn with a bad name", spawn(kernel_address, arguments), -kEFAULT);
  expect_equal("spawn with a bad argument", spawn("child", bad_arguments), -kEFAULT);
  expect_equal("spawn with bad arguments", spawn("child", reinterpret_cast<const char* const*>(8)), -kEFAULT);
  expect_equal("wait4 after spawns that failed", wait4(-1, nullptr), -kECHILD);
}

}  // namespace

int main() {
  check_exit_codes();
  check_argument_arrays();
  check_killed_child();
  check_wait_for_one_of_several();
  check_wait_for_any();
  check_no_child();
  check_not_waiting();
  check_bad_status();
  check_orphan();
  check_spawn_errors();
  if (g_wrong == 0) puts("family: all is well");
  return g_wrong == 0 ? 0 : 1;
}
