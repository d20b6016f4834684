// Does one thing again and again, each time in a new child: what it needs has been promised, and hardly a page of it is
// there. Whoever looks on can let memory run out at any allocation on the way, and see what becomes of child and
// parent. `scarce OPERATION`; it never ends by itself.
#include <cstddef>
#include <cstdint>

#include "kernel/calls/error_numbers.h"
#include "kernel/space/user_layout.h"
#include "user/lib/judged_call.h"
#include "user/lib/string.h"
#include "user/lib/system_calls.h"

namespace {

constexpr std::size_t kPage = 4096;
constexpr int kLeafStatus = 3 << 8;  // how a child of the child ends
constexpr int kKill = 9;             // Linux's SIGKILL

struct alignas(kPage) Call {
  char program[8];
  char word[8];
  const char* arguments[3];
};

struct alignas(kPage) Text {
  char letters[2 * kPage];
};

}  // namespace

// Pages of the program's file that nobody touches before an operation does: each is all alone in its pages. The
// compiler must take them for known to others, so that it reads them.
extern "C" {
constinit Call g_spawned{"scarce", "leaf", {g_spawned.program, g_spawned.word, nullptr}};
constinit Call g_executed{"scarce", "again", {g_executed.program, g_executed.word, nullptr}};
constinit Text g_text{"."};
alignas(kPage) constinit volatile char g_zeros[kPage] = {};
}

namespace {

// Alone in its page, whatever the linker puts after it. This instruction returns, on every ISA that there is a kernel
// for.
asm(R"(
        .pushsection .text.cold, "ax"
        .balign 4096
cold_function:
        ret
        .balign 4096
        .popsection
)");
extern "C" void cold_function();

// Promised by the parent. Beside the near page there is another one, so that the tables are there; the far ones have no
// table of their own, at any level but the highest.
constexpr std::uint64_t kNear = std::uint64_t{5} << 30, kFar = std::uint64_t{3} << 40;

template <typename T>
T* pointer_to(std::uint64_t address) {
  return reinterpret_cast<T*>(address);
}

void touch(std::uint64_t address) {
  *pointer_to<volatile char>(address) = 1;
}

std::int64_t promise(std::uint64_t at, std::size_t size) {
  using namespace memory_options;
  return mmap(pointer_to<void>(at), size, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous);
}

// --- the operations. Each returns 0, or what the kernel said was wrong ---

// Waits for the end of a child of the child's, if there is one: a negative `pid` is an error. Without memory for what a
// new program touches first, the kernel kills it.
std::int64_t end_of(std::int64_t pid, int* status) {
  if (pid < 0) return pid;
  const std::int64_t ended = wait4(pid, status);
  if (ended != pid) return ended;
  if (signal_of(*status) == kKill) return -error_numbers::kENOMEM;
  return *status == kLeafStatus ? 0 : *status;
}

std::int64_t do_fork(std::int64_t) {
  const std::int64_t pid = fork();
  if (pid == 0) exit(3);
  int status = -1;
  return end_of(pid, &status);
}

std::int64_t do_spawn(std::int64_t) {
  int status = -1;
  return end_of(spawn(g_spawned.program, g_spawned.arguments), &status);
}

std::int64_t do_execve(std::int64_t) {
  return execve(g_executed.program, g_executed.arguments);
}

std::int64_t touch_near(std::int64_t) {
  touch(kNear + kPage);
  return 0;
}

std::int64_t touch_far(std::int64_t) {
  touch(kFar);
  return 0;
}

std::int64_t touch_image(std::int64_t) {
  return g_executed.program[0] == 's' ? 0 : 1;
}

std::int64_t touch_zeros(std::int64_t) {
  return g_zeros[1];
}

std::int64_t touch_code(std::int64_t) {
  cold_function();
  return 0;
}

std::int64_t grow_stack(std::int64_t) {
  touch((layout::kUserStackTop - layout::kUserStackSize - 3 * kPage).raw());
  return 0;
}

std::int64_t do_brk(std::int64_t) {
  constexpr std::uint64_t kGrowth = 4 << 20;  // where the heap's tables end
  const auto end = static_cast<std::uint64_t>(brk(nullptr));
  if (brk(pointer_to<void>(end + kGrowth)) != static_cast<std::int64_t>(end + kGrowth)) return 1;
  touch(end);
  touch(end + kGrowth - 1);
  return brk(pointer_to<void>(end)) == static_cast<std::int64_t>(end) ? 0 : 2;
}

std::int64_t do_mmap(std::int64_t) {
  constexpr std::size_t kSize = 3 * kPage;
  const std::int64_t at = promise(0, kSize);
  if (at < 0) return at;
  for (std::size_t done = 0; done < kSize; done += kPage) touch(static_cast<std::uint64_t>(at) + done);
  return munmap(pointer_to<void>(static_cast<std::uint64_t>(at)), kSize);
}

// Only areas change, and pages go.
std::int64_t change_areas(std::int64_t) {
  const std::int64_t at = promise(0, 4 * kPage);
  if (at < 0) return at;
  const auto start = static_cast<std::uint64_t>(at);
  if (const auto wrong = mprotect(pointer_to<void>(start + kPage), kPage, memory_options::kProtRead)) return wrong;
  if (const auto wrong = munmap(pointer_to<void>(start + 2 * kPage), kPage)) return wrong;
  if (const auto wrong = mprotect(pointer_to<void>(kNear), 2 * kPage, memory_options::kProtRead)) return wrong;
  return munmap(pointer_to<void>(kNear), 2 * kPage);
}

// The text lies in two pages.
std::int64_t do_write(std::int64_t) {
  const std::int64_t written = write(1, &g_text.letters[kPage - 1], 2);
  return written == 2 ? 0 : written;
}

// The kernel takes it in pieces, of which each lies in another page: the first may be all that can be written.
std::int64_t write_pieces(std::int64_t) {
  constexpr std::int64_t kPiece = 512;
  const std::int64_t written = write(1, &g_text.letters[kPage - kPiece], 2 * kPiece);
  return written == 2 * kPiece ? 0 : written == kPiece ? -error_numbers::kENOMEM : written;
}

std::int64_t do_read(std::int64_t) {
  const std::int64_t count = read(0, pointer_to<void>(kFar), 1);
  return count == 1 && *pointer_to<char>(kFar) == 'x' ? 0 : count;
}

std::int64_t have_child() {
  const std::int64_t pid = fork();
  if (pid == 0) exit(3);
  return pid;
}

// The child must not be lost.
std::int64_t do_wait4(std::int64_t child) {
  return end_of(child, pointer_to<int>(kFar));
}

std::int64_t do_nanosleep(std::int64_t) {
  return nanosleep(pointer_to<Duration>(kFar));
}

std::int64_t do_describe(std::int64_t) {
  const std::int64_t found = describe_area(0, pointer_to<AreaDescription>(kFar));
  return found == 1 ? 0 : found;
}

struct Operation {
  const char* name;
  std::int64_t (*carry_out)(std::int64_t prepared);
  std::int64_t (*prepare)() = nullptr;  // while memory does not fail
};

constexpr Operation kOperations[] = {
    {"fork", do_fork},           {"spawn", do_spawn},       {"execve", do_execve},  {"near", touch_near},
    {"far", touch_far},          {"image", touch_image},    {"zeros", touch_zeros}, {"code", touch_code},
    {"stack", grow_stack},       {"brk", do_brk},           {"mmap", do_mmap},      {"areas", change_areas},
    {"write", do_write},         {"pieces", write_pieces},  {"read", do_read},      {"wait4", do_wait4, have_child},
    {"nanosleep", do_nanosleep}, {"describe", do_describe},
};

// Tries again until memory suffices, and ends with 0 if all is well.
[[noreturn]] void attempt(const Operation& operation) {
  const std::int64_t prepared = operation.prepare == nullptr ? 0 : operation.prepare();
  std::int64_t result = -error_numbers::kENOMEM;
  while (result == -error_numbers::kENOMEM) {
    call_comes();
    result = operation.carry_out(prepared);
    call_returned(result);
  }
  exit(result == 0 ? 0 : 1);
}

// Brings what every attempt needs, whatever it tries: the code, the constants and some of the stack. A child begins
// with the pages that its parent has.
void warm_up() {
  AreaDescription area;
  for (std::uint64_t number = 0; describe_area(number, &area) == 1; ++number) {
    const bool is_constant = area.start >= 0x400000 && area.end <= bits_of(&g_spawned);
    for (std::uint64_t page = area.start; is_constant && page < area.end; page += kPage) {
      if (page != reinterpret_cast<std::uintptr_t>(&cold_function)) (void)*pointer_to<volatile char>(page);
    }
  }
  for (std::uint64_t pages = 1; pages < 4; ++pages) touch((layout::kUserStackTop - pages * kPage).raw());
}

}  // namespace

// Where the grader stops the parent: before the first attempt, and after each.
extern "C" [[gnu::noipa]] void attempt_is_over(std::int64_t status) {
  asm volatile("" ::"r"(status) : "memory");
}

int main(int argc, char** argv) {
  const char* const name = argc > 1 ? argv[1] : "";
  if (strcmp(name, "leaf") == 0) return 3;
  if (strcmp(name, "again") == 0) {
    call_returned(0);
    return 0;
  }
  const Operation* wanted = nullptr;
  for (const Operation& operation : kOperations) {
    if (strcmp(operation.name, name) == 0) wanted = &operation;
  }
  if (wanted == nullptr || promise(kNear, 2 * kPage) < 0 || promise(kFar, kPage) < 0) return 1;
  touch(kNear);
  warm_up();
  for (int status = 0;;) {
    attempt_is_over(status);
    const std::int64_t child = fork();
    if (child == 0) attempt(*wanted);
    if (child < 0 || wait4(child, &status) != child) return 2;
  }
}
