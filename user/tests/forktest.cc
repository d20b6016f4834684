// Forks children, several at a time and in a tree, and looks whether each is what a child should be: a process with a
// number, memory and thread-local variables of its own, that begins as its parent was and changes nothing there.
// Prints what was wrong, and exits with 0 if nothing was.
#include <cstdint>

#include "kernel/calls/error_numbers.h"
#include "user/lib/expect.h"
#include "user/lib/instructions.h"
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

namespace {

using namespace error_numbers;
using namespace memory_options;

constexpr int kIllegalInstruction = 4;  // Linux's SIGILL
constexpr std::uint64_t kPage = 4096;

constinit thread_local int t_initialized = 7;
constinit thread_local int t_zero;
constinit int g_data = 1;
constinit int g_bss;

std::int64_t fork_or_leave() {
  const std::int64_t pid = fork();
  if (pid >= 0) return pid;
  printf("forktest: fork returned %ld\n", pid);
  exit(1);
}

// The exit status of a child with nothing to say but whether all was well.
[[noreturn]] void leave_child() {
  exit(wrong_count() == 0 ? 0 : 99);
}

void expect_exit(const char* what, std::int64_t pid, int code) {
  int status = -1;
  expect_equal(what, wait4(pid, &status), pid);
  expect_equal(what, status, code << 8);
}

// Lets the others go on for a while.
void dawdle() {
  for (int i = 0; i < 20; ++i) sched_yield();
}

void check_several_children() {
  constexpr int kChildren = 5;
  std::int64_t pids[kChildren];
  for (int i = 0; i < kChildren; ++i) {
    pids[i] = fork_or_leave();
    if (pids[i] == 0) {
      printf("child number %d is process %ld\n", i, getpid());
      exit(static_cast<int>(getpid()) & 0x7f);
    }
    for (int j = 0; j < i; ++j) expect("children have numbers of their own", pids[i] != pids[j]);
    expect("a child has another number than its parent", pids[i] != getpid());
  }
  for (int i = kChildren - 1; i >= 0; --i) expect_exit("a child's number", pids[i], static_cast<int>(pids[i]) & 0x7f);
  printf("forktest: process %ld had the children", getpid());
  for (const std::int64_t pid : pids) printf(" %ld", pid);
  puts("");
}

// Each process down to `depth` has two children, and exits with the number of processes from it downward.
int grow_tree(int depth) {
  if (depth == 0) return 1;
  std::int64_t pids[2];
  for (std::int64_t& pid : pids) {
    pid = fork_or_leave();
    if (pid == 0) exit(grow_tree(depth - 1));
  }
  int count = 1;
  for (const std::int64_t pid : pids) {
    int status = 0;
    expect_equal("wait4 in the tree", wait4(pid, &status), pid);
    expect_equal("the signal of a process of the tree", signal_of(status), 0);
    count += exit_code_of(status);
  }
  return count;
}

void check_tree() {
  const int count = grow_tree(3);
  expect_equal("the processes of a tree with 3 levels below its root", count, 15);
  printf("forktest: a tree of %d processes\n", count);
}

// A word in each kind of memory.
struct Words {
  volatile int* words[7];
};

Words words_everywhere(volatile int* on_stack) {
  const auto heap = brk(nullptr);
  brk(reinterpret_cast<void*>(heap + kPage));
  const auto mapped = mmap(nullptr, kPage, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous);
  return {{&g_data, &g_bss, &t_initialized, &t_zero, on_stack, reinterpret_cast<int*>(heap),
           reinterpret_cast<int*>(mapped)}};
}

void write_all(const Words& all, int value) {
  for (int i = 0; i < 7; ++i) *all.words[i] = value + i;
}

void expect_all(const char* what, const Words& all, int value) {
  for (int i = 0; i < 7; ++i) expect_equal(what, *all.words[i], value + i);
}

// Parent and child both change what they had in common, the parent first, and find what they wrote themselves.
void check_isolation() {
  volatile int on_stack = 0;
  const Words all = words_everywhere(&on_stack);
  write_all(all, 100);
  const std::int64_t pid = fork_or_leave();
  if (pid == 0) {
    dawdle();
    expect_all("the child finds what was there when it was made", all, 100);
    write_all(all, 200);
    dawdle();
    expect_all("the child finds what it wrote", all, 200);
    leave_child();
  }
  expect_all("the parent finds what was there before fork", all, 100);
  write_all(all, 300);
  expect_exit("the child of the check of isolation", pid, 0);
  expect_all("the parent finds what it wrote", all, 300);
}

// What the kernel writes on behalf of the child goes to the child's memory.
void check_isolation_of_system_calls() {
  int status = 0x55;
  ProgramDescription program{.name = "nothing", .size = 1};
  const std::int64_t pid = fork_or_leave();
  if (pid == 0) {
    expect_equal("describe_program", describe_program(0, &program), 1);
    const std::int64_t grandchild = fork_or_leave();
    if (grandchild == 0) exit(3);
    expect_equal("wait4 in the child", wait4(grandchild, &status), grandchild);
    expect_equal("the status in the child's memory", status, 3 << 8);
    leave_child();
  }
  expect_exit("the child of the check of system calls", pid, 0);
  expect_equal("the parent's memory where the child's wait4 wrote", status, 0x55);
  expect_equal("the parent's memory where the child's system call wrote", static_cast<std::int64_t>(program.size), 1);
}

// What the parent maps, unmaps or protects after the fork is its own affair.
void check_areas() {
  const auto start = mmap(nullptr, 3 * kPage, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous);
  auto* const words = reinterpret_cast<volatile int*>(start);
  constexpr std::size_t kWords = kPage / sizeof(int);
  words[0] = 1;
  words[kWords] = 2;
  const std::int64_t pid = fork_or_leave();
  if (pid == 0) {
    dawdle();
    expect_equal("a page that the parent has unmapped", words[0], 1);
    words[kWords] = 20;  // may be written here
    expect_equal("a page that the parent has protected", words[kWords], 20);
    expect_equal("a page that nobody had touched", words[2 * kWords], 0);
    leave_child();
  }
  expect_equal("munmap", munmap(const_cast<int*>(words), kPage), 0);
  expect_equal("mprotect", mprotect(const_cast<int*>(words + kWords), kPage, kProtRead), 0);
  expect_exit("the child of the check of areas", pid, 0);
  expect_equal("the parent's page that it protected", words[kWords], 2);
  expect_equal("munmap", munmap(const_cast<int*>(words), 3 * kPage), 0);
}

// The thread-local variables by way of the thread pointer as it is now: a compiler may take it for the same behind
// fork.
struct ThreadLocal {
  volatile int* initialized;
  volatile int* zero;
};
[[gnu::noinline]] ThreadLocal find_thread_local() {
  asm volatile("" ::: "memory");  // each call counts
  return {&t_initialized, &t_zero};
}

void check_thread_local() {
  const ThreadLocal own = find_thread_local();
  *own.initialized = 70;
  *own.zero = 1;
  for (int depth = 0; depth < 3; ++depth) {
    const std::int64_t pid = fork_or_leave();
    const ThreadLocal found = find_thread_local();
    if (!expect("thread-local variables stay where they are", found.initialized == own.initialized)) leave_child();
    if (pid != 0) {
      *found.initialized = *found.initialized + 1000;
      expect_exit("the child of the check of thread-local variables", pid, 0);
      expect_equal("a thread-local variable of the parent", *found.initialized, 70 + depth + 1000);
      if (depth == 0) return;
      leave_child();
    }
    expect_equal("a thread-local variable of the child", *found.initialized, 70 + depth);
    expect_equal("another one", *found.zero, 1 + depth);
    *found.initialized = *found.initialized + 1;
    *found.zero = *found.zero + 1;
  }
  leave_child();
}

void check_statuses() {
  constexpr int kCodes[][2] = {{0, 0}, {42, 42}, {255, 255}, {263, 7}, {-1, 255}};
  for (const auto& [given, expected] : kCodes) {
    const std::int64_t pid = fork_or_leave();
    if (pid == 0) exit(given);
    expect_exit("an exit status", pid, expected);
  }
  const std::int64_t pid = fork_or_leave();
  if (pid == 0) {
    undefined_instruction();
    exit(0);
  }
  int status = -1;
  expect_equal("wait4 for a child that is killed", wait4(pid, &status), pid);
  expect_equal("the status of a child that is killed", status, kIllegalInstruction);
}

// The child gives us 200 turns, so we do come back before it ends.
void check_waiting() {
  int status = 0x55;
  expect_equal("wait4 without children", wait4(-1, &status), -kECHILD);
  const std::int64_t pid = fork_or_leave();
  if (pid == 0) {
    expect_equal("wait4 of a child, for its parent's children", wait4(-1, nullptr), -kECHILD);
    for (int i = 0; i < 10; ++i) dawdle();
    leave_child();
  }
  expect_equal("wait4 with WNOHANG for a child that runs", wait4(pid, &status, kWaitNoHang), 0);
  expect_equal("wait4 for a stranger", wait4(pid + 1, &status), -kECHILD);
  expect_equal("the status where no child has ended", status, 0x55);
  expect_exit("the child of the check of waiting", pid, 0);
  expect_equal("wait4 for a child that is gone", wait4(pid, &status, kWaitNoHang), -kECHILD);
}

// A child that is another program, and one that fails to become one.
void check_execve() {
  const char* const arguments[] = {"child", "look", "at two words", nullptr};
  const std::int64_t pid = fork_or_leave();
  if (pid == 0) {
    g_data = 17;
    expect_equal("execve of a missing program", execve("no-such-program", arguments), -kENOENT);
    expect_equal("the memory of whoever fails to become another program", g_data, 17);
    if (wrong_count() == 0) execve("child", arguments);
    exit(98);
  }
  expect_exit("a child that becomes another program", pid, 0);
}

}  // namespace

int main() {
  printf("forktest: this is process %ld\n", getpid());
  check_several_children();
  check_tree();
  check_isolation();
  check_isolation_of_system_calls();
  check_areas();
  check_thread_local();
  check_statuses();
  check_execve();
  check_waiting();
  return verdict("forktest");
}
