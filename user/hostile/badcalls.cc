// Every system call with pointers and lengths that are wrong in all the ways there are, and what the kernel must
// answer. Prints what was wrong, and exits with 0 if nothing was. It reads: somebody must type meanwhile.
#include <cstdint>

#include "kernel/calls/error_numbers.h"
#include "kernel/space/user_layout.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

namespace {

using namespace error_numbers;

constexpr std::uint64_t kStackTop = layout::kUserStackTop.raw();
constexpr std::uint64_t kUserEnd = layout::kUserEnd.raw();
constexpr std::uint64_t kMost = ~std::uint64_t{0};

// Where no user may read or write a byte. The last one is the argument.
std::uint64_t g_nobodys[] = {
    0,
    8,
    0xfff,                              // null pointers, and members of null objects
    0x3f'ffff,                          // right below the program
    layout::kUserStackLimit.raw() - 1,  // right below where the stack may be
    kStackTop,                          // right above it
    kUserEnd - 1,                       // the last byte that a user could have
    kUserEnd,
    0x7fff'ffff'ffff,  // the last byte of x86's lower half
    0x8000'0000'0000,  // the first byte between the halves on x86; user space on Arm
    0xffff'ffff'ffff,  // the last byte of Arm's lower half
    0x1'0000'0000'0000,
    std::uint64_t{1} << 63,
    0xffff'0000'0000'0000,  // the first byte of Arm's upper half
    0xffff'8000'0000'0000,  // and of x86's
    kMost - 7,
    kMost,
    0,
};

// Where a byte is ours, but the next one is not.
constexpr std::uint64_t kEndOfStack = kStackTop - 1;

const char kReadOnly[] = "cannot be written";

int g_wrong = 0;

void expect(const char* what, std::uint64_t address, std::int64_t seen, std::int64_t expected) {
  if (seen == expected) return;
  printf("badcalls: %s with 0x%lx: got %ld, expected %ld\n", what, address, seen, expected);
  ++g_wrong;
}

template <typename Pointed>
Pointed* pointer(std::uint64_t address) {
  return reinterpret_cast<Pointed*>(address);
}

void check_write() {
  for (const std::uint64_t address : g_nobodys) {
    expect("write of a byte", address, write(1, pointer<char>(address), 1), -kEFAULT);
    expect("write of a page", address, write(1, pointer<char>(address), 4096), -kEFAULT);
    expect("write of all there is", address, write(1, pointer<char>(address), kMost), -kEFAULT);
    // So that address + size is an address of ours again, or 0.
    expect("write around the end", address, write(1, pointer<char>(address), kStackTop - 16 - address), -kEFAULT);
    expect("write up to 0", address, write(1, pointer<char>(address), -address | 1), -kEFAULT);
    expect("write of nothing", address, write(1, pointer<char>(address), 0), 0);
  }
  expect("write across the end", kEndOfStack, write(1, pointer<char>(kEndOfStack), 2), -kEFAULT);
  expect("write to a file that is not open", 3, write(3, kReadOnly, 1), -kEBADF);
  expect("write to a file before the first", 0, write(-1, kReadOnly, 1), -kEBADF);
}

void check_read() {
  char byte = 0;
  for (const std::uint64_t address : g_nobodys) {
    expect("read of a byte", address, read(0, pointer<char>(address), 1), -kEFAULT);
    expect("read of all there is", address, read(0, pointer<char>(address), kMost), -kEFAULT);
    expect("read of nothing", address, read(0, pointer<char>(address), 0), 0);
  }
  expect("read over what is read-only", bits_of(kReadOnly), read(0, const_cast<char*>(kReadOnly), 1), -kEFAULT);
  expect("read over text", 0x40'0000, read(0, pointer<char>(0x40'0000), 1), -kEFAULT);
  expect("read from a file that is not open", 1, read(1, &byte, 1), -kEBADF);
  expect("read of a byte", bits_of(&byte), read(0, &byte, 1), 1);
}

void check_nanosleep() {
  for (const std::uint64_t address : g_nobodys) {
    expect("nanosleep", address, nanosleep(pointer<Duration>(address)), -kEFAULT);
  }
  expect("nanosleep across the end", kEndOfStack, nanosleep(pointer<Duration>(kStackTop - 8)), -kEFAULT);
  constexpr Duration kSenseless[] = {{-1, 0}, {0, -1}, {0, 1'000'000'000}, {INT64_MIN, 0}, {0, INT64_MAX}};
  for (const Duration& duration : kSenseless) {
    expect("nanosleep for no time that there is", bits_of(&duration), nanosleep(&duration), -kEINVAL);
  }
  constexpr Duration kNoTime{};
  expect("nanosleep for no time at all", 0, nanosleep(&kNoTime), 0);
}

void check_wait4() {
  const char* const arguments[] = {"sleep", "0", nullptr};
  const std::int64_t child = spawn("sleep", arguments);
  for (const std::uint64_t address : g_nobodys) {
    if (address == 0) continue;  // no place for the status: it is not asked for
    expect("wait4", address, wait4(child, pointer<int>(address)), -kEFAULT);
  }
  expect("wait4 across the end", kEndOfStack, wait4(child, pointer<int>(kEndOfStack)), -kEFAULT);
  expect("wait4 into what is read-only", bits_of(kReadOnly), wait4(child, pointer<int>(bits_of(kReadOnly))), -kEFAULT);
  expect("wait4 with all options", kMost, wait4(child, nullptr, kMost), -kEINVAL);
  expect("wait4 for a group", 0, wait4(0, nullptr), -kEINVAL);
  expect("wait4 for another group", 0, wait4(INT32_MIN, nullptr), -kEINVAL);
  expect("wait4 for the child", child, wait4(child, nullptr), child);
}

void check_spawn() {
  const char* const arguments[] = {"sleep", "0", nullptr};
  for (const std::uint64_t address : g_nobodys) {
    const char* const with_bad_one[] = {"sleep", "0", address == 0 ? pointer<char>(8) : pointer<char>(address),
                                        nullptr};
    expect("spawn of a name", address, spawn(pointer<char>(address), arguments), -kEFAULT);
    expect("spawn with one argument", address, spawn("sleep", with_bad_one), -kEFAULT);
    if (address == 0) continue;  // no arguments
    expect("spawn with arguments", address, spawn("sleep", pointer<const char* const>(address)), -kEFAULT);
  }
  const char* const nothing[] = {nullptr, pointer<char>(kMost)};  // a list without even the program's name
  const std::int64_t child = spawn("echo", nothing);
  expect("wait4 for a child without arguments", child, wait4(child, nullptr), child);
  expect("spawn of a name without an end", kEndOfStack, spawn(pointer<char>(kEndOfStack), arguments), -kENOENT);
}

void check_long_arguments() {
  char long_name[200];
  for (char& c : long_name) c = 'x';
  long_name[sizeof long_name - 1] = 0;
  const char* many[40];
  for (const char*& argument : many) argument = "x";
  many[39] = nullptr;
  const char* const together_too_long[] = {"sleep",        long_name + 80, long_name + 80, long_name + 80,
                                           long_name + 80, long_name + 80, nullptr};
  expect("spawn of a long name", bits_of(long_name), spawn(long_name, nullptr), -kE2BIG);
  expect("spawn of no name", 0, spawn("", nullptr), -kENOENT);
  expect("spawn with many arguments", bits_of(many), spawn("sleep", many), -kE2BIG);
  expect("spawn with long arguments", 0, spawn("sleep", together_too_long), -kE2BIG);
}

void check_numbers() {
  constexpr std::uint64_t kNumbers[] = {0, 62, 65, 0x1'0000'0040, std::uint64_t{1} << 63 | 64, kMost, kMost - 63};
  for (const std::uint64_t number : kNumbers) expect("system call", number, system_call(number), -kENOSYS);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  g_nobodys[sizeof g_nobodys / sizeof *g_nobodys - 1] = strtoul(argv[1], nullptr, 0);
  check_write();
  check_read();
  check_nanosleep();
  check_wait4();
  check_spawn();
  check_long_arguments();
  check_numbers();
  if (g_wrong == 0) puts("badcalls: all is well");
  return g_wrong == 0 ? 0 : 1;
}
