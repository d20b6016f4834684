// Hands the kernel bad pointers, in every system call that takes one: addresses where nothing is, where the kernel is,
// where nothing can be, and memory that is the program's own only in part. All it expects of the kernel is an error.
// `pointers ADDRESS...` tries these addresses as well. It exits with 0 if each attempt came out as it should.
#include <cstddef>
#include <cstdint>

#include "kernel/calls/error_numbers.h"
#include "kernel/space/user_layout.h"
#include "user/lib/judged_call.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/string.h"
#include "user/lib/system_calls.h"

// What was tried and what came of it. The grader reads the list out of the program's memory. A result is right if it is
// -EFAULT, or if the call may do a part, a number of bytes from 1 to `most`.
struct Attempt {
  char call[24];
  std::uint64_t address;
  std::int64_t most;
  std::int64_t result;
};

extern "C" {
Attempt g_attempts[160];
std::uint64_t g_count = 0;
extern const int g_read_only = 0x1badcafe;
// Where the grader stops the program when all is done.
[[gnu::noipa]] void attempts_are_made() {
  asm volatile("" ::: "memory");
}
}

namespace {

constexpr std::size_t kSize = 100;
constexpr std::uint64_t kCode = 0x400000;  // user/user.ld

const std::uint64_t kBadAddresses[] = {
    8,                               // page 0
    0xfff,                           // its last byte
    0x2000'0000,                     // the user's half, but nothing is there
    0xdead'beef,                     // the same
    layout::kUserEnd.raw() - kSize,  // the same, up to the end
    layout::kUserEnd.raw(),          // after the end
    0x0000'7fff'ffff'ffff,           // would run into what no pointer may name on x86
    0x0000'8000'0000'0000,           // is what no pointer may name on x86
    0xffff'7fff'ffff'ffff,           // the same
    ~std::uint64_t{0} - kSize + 1,   // ends with the last byte there is
    ~std::uint64_t{0} - 3,           // would wrap around
};

template <typename T>
T* pointer_to(std::uint64_t address) {
  return reinterpret_cast<T*>(address);
}

void note(const char* call, std::uint64_t address, std::int64_t result, std::int64_t most = 0) {
  Attempt& attempt = g_attempts[g_count++];
  strcpy(attempt.call, call);
  attempt.address = address;
  attempt.most = most;
  attempt.result = result;
  call_returned(result);
}

void try_all_calls(std::uint64_t address, std::int64_t child) {
  const auto* const text = pointer_to<const char>(address);
  const char* const arguments[] = {"hello", text, nullptr};
  note("write", address, write(1, text, kSize));
  note("wait4", address, wait4(child, pointer_to<int>(address)));
  note("nanosleep", address, nanosleep(pointer_to<const Duration>(address)));
  note("spawn path", address, spawn(text, nullptr));
  note("spawn arguments", address, spawn("hello", pointer_to<const char* const>(address)));
  note("spawn argument", address, spawn("hello", arguments));
}

// A null pointer means "none" where a status or arguments are asked for.
void try_null() {
  note("write", 0, write(1, nullptr, kSize));
  note("nanosleep", 0, nanosleep(nullptr));
  note("spawn path", 0, spawn(nullptr, nullptr));
}

// The last `size` bytes of the stack, where the program's arguments stood, as text without an end.
std::uint64_t end_of_stack(std::size_t size) {
  const std::uint64_t address = layout::kUserStackTop.raw() - size;
  memset(pointer_to<char>(address), 'x', size);
  return address;
}

// What begins in memory of the program's own, and goes on where it has none.
void try_half_valid(std::int64_t child) {
  std::uint64_t at = end_of_stack(64);
  note("write half", at, write(1, pointer_to<char>(at), kSize), 64);
  note("write without end", at, write(1, pointer_to<char>(at), ~std::size_t{0}), 64);
  at = end_of_stack(2);
  note("wait4 half", at, wait4(child, pointer_to<int>(at)));
  at = end_of_stack(8);
  note("nanosleep half", at, nanosleep(pointer_to<Duration>(at)));
  note("spawn path half", at, spawn(pointer_to<char>(at), nullptr));
  note("spawn arguments half", at, spawn("hello", pointer_to<const char* const>(at)));
}

// What the program may read, and the kernel must not write for it.
void try_read_only(std::int64_t child) {
  note("wait4 read-only", bits_of(&g_read_only), wait4(child, const_cast<int*>(&g_read_only)));
  note("wait4 code", kCode, wait4(child, pointer_to<int>(kCode)));
}

int count_wrong() {
  int wrong = 0;
  for (std::uint64_t i = 0; i < g_count; ++i) {
    const Attempt& attempt = g_attempts[i];
    const bool in_part = attempt.result > 0 && attempt.result <= attempt.most;
    if (attempt.result == -error_numbers::kEFAULT || in_part) continue;
    printf("pointers: %s with 0x%lx returned %ld\n", attempt.call, attempt.address, attempt.result);
    ++wrong;
  }
  return wrong;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "child") == 0) return 7;
  const char* const arguments[] = {"pointers", "child", nullptr};
  const std::int64_t child = spawn("pointers", arguments);
  std::uint64_t more[8] = {};
  for (int i = 1; i < argc && i <= 8; ++i) more[i - 1] = strtoul(argv[i], nullptr, 0);

  try_null();
  for (const std::uint64_t address : kBadAddresses) try_all_calls(address, child);
  for (int i = 1; i < argc && i <= 8; ++i) try_all_calls(more[i - 1], child);
  try_half_valid(child);
  try_read_only(child);

  int status = 0;
  const bool is_kept = wait4(child, &status) == child && status == 7 << 8;  // no bad pointer may lose the child
  if (!is_kept) printf("pointers: the child is lost\n");
  attempts_are_made();
  return count_wrong() == 0 && is_kept ? 0 : 1;
}
