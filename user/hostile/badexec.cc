// execve with everything that is wrong with a name or arguments: each time the kernel must say what, and leave this
// program as it was. The last one is right: then this program is another, which says so.
#include <cstdint>

#include "kernel/calls/error_numbers.h"
#include "kernel/space/user_layout.h"
#include "user/lib/expect.h"
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

namespace {

using namespace error_numbers;

// Not as they are in the file: so a page that has gone does not come back as it was.
constinit thread_local volatile int t_own = 0;
constinit volatile int g_own = 1;

// Where no user may read a byte, or not more than one.
constexpr std::uint64_t kNobodys[] = {
    8,
    0xfff,
    0x3f'ffff,
    layout::kUserStackTop.raw(),
    layout::kUserEnd.raw() - 1,
    layout::kUserEnd.raw(),
    0x8000'0000'0000,
    std::uint64_t{1} << 63,
    0xffff'8000'0000'0000,
    ~std::uint64_t{0},
};

const char* const kArguments[] = {"echo", "execve took an argument that it should not", nullptr};

template <typename Pointed>
Pointed* pointer(std::uint64_t address) {
  return reinterpret_cast<Pointed*>(address);
}

[[gnu::noinline]] void expect_refusal(const char* what, std::int64_t result, std::int64_t error) {
  asm volatile("" ::: "memory");  // the thread pointer counts as it is now
  expect_equal(what, result, -error);
  expect("a program that failed to become another is what it was", t_own == 17 && g_own == 18);
}

void check_pointers() {
  expect_refusal("no name", execve(nullptr, kArguments), kEFAULT);
  for (const std::uint64_t address : kNobodys) {
    const char* const with_bad_one[] = {"echo", pointer<char>(address), nullptr};
    expect_refusal("a name that is nobody's", execve(pointer<char>(address), kArguments), kEFAULT);
    expect_refusal("an argument that is nobody's", execve("echo", with_bad_one), kEFAULT);
    expect_refusal("arguments that are nobody's", execve("echo", pointer<const char*>(address)), kEFAULT);
  }
}

void check_lengths() {
  char long_name[200];
  for (char& c : long_name) c = 'x';
  long_name[sizeof long_name - 1] = 0;
  const char* many[40];
  for (const char*& argument : many) argument = "x";
  many[39] = nullptr;
  const char* const long_ones[] = {"echo", long_name, long_name, long_name, nullptr};
  expect_refusal("an empty name", execve("", kArguments), kENOENT);
  expect_refusal("a program that is not there", execve("no-such-program", kArguments), kENOENT);
  expect_refusal("a part of a name", execve("ech", kArguments), kENOENT);
  expect_refusal("a long name", execve(long_name, kArguments), kE2BIG);
  expect_refusal("many arguments", execve("echo", many), kE2BIG);
  expect_refusal("long arguments", execve("echo", long_ones), kE2BIG);
}

}  // namespace

int main() {
  t_own = 17;
  g_own = 18;
  for (int i = 0; i < 20; ++i) check_pointers();
  check_lengths();
  if (verdict("badexec") != 0) return 1;
  const char* const arguments[] = {"echo", "badexec", "is", "echo", nullptr};
  return execve("echo", arguments) == 0 ? 0 : 1;
}
