// Does with its memory what somebody else has thought up: the grader writes operations into it where the program stops,
// at call_comes(), and finds their results there at call_returned(). Again and again, until there are no more.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "user/lib/judged_call.h"
#include "user/lib/system_calls.h"

// `kind` is the number of a system call, or one of those below.
struct Operation {
  std::uint64_t kind;
  std::uint64_t arguments[6];
  std::int64_t result;
};

namespace {

constexpr std::size_t kPageSize = 4096;
using Text = std::array<char, 3 * kPageSize>;

// The name of a program, which exits with 2 if it gets no arguments, then letters that are nowhere else the same.
constexpr Text make_text() {
  Text text{};
  std::uint32_t state = 1;
  for (char& letter : text) {
    state = state * 1'664'525 + 1'013'904'223;
    letter = static_cast<char>('a' + (state >> 16) % 26);
  }
  constexpr std::string_view kName("sleep\0", 6);
  for (std::size_t i = 0; i < kName.size(); ++i) text[i] = kName[i];
  return text;
}

}  // namespace

extern "C" {
// Pages that it never touches itself: of the program's file, and zeros.
alignas(kPageSize) extern const Text g_text = make_text();
alignas(kPageSize) Text g_zeros;
alignas(kPageSize) char g_strings[kPageSize];  // strings and pointers to them, for system calls
Operation g_operations[256];
std::uint64_t g_count = 0;  // how many of them there are to do
std::uint64_t g_done = 0;   // how many are done: if the program is killed, the one that killed it
}

namespace {

// More than any system call has. The grader finds them in the debug information.
enum Deed : std::uint64_t {
  kLoad = 10'001,  // reads the 8 bytes at the first argument
  kStore,          // writes the second argument there
  kCall,           // calls the function there, which returns a number
  kSweep,          // writes the third argument to each of so many pages, as the second says
};

std::int64_t carry_out(const Operation& operation) {
  const auto& [a, b, c, d, e, f] = operation.arguments;
  switch (static_cast<Deed>(operation.kind)) {
    case kLoad: return *reinterpret_cast<const volatile std::int64_t*>(a);
    case kStore: *reinterpret_cast<volatile std::uint64_t*>(a) = b; return 0;
    case kCall: return reinterpret_cast<std::int64_t (*)()>(a)();
    case kSweep:
      for (std::uint64_t page = 0; page < b; ++page)
        *reinterpret_cast<volatile std::uint64_t*>(a + page * kPageSize) = c;
      return 0;
    default: return system_call(operation.kind, a, b, c, d, e, f);
  }
}

}  // namespace

int main() {
  // The grader writes only to pages that are there.
  *const_cast<volatile std::uint64_t*>(&g_count) = 0;
  *const_cast<volatile char*>(g_strings) = 0;
  for (Operation& operation : g_operations) *const_cast<volatile std::uint64_t*>(&operation.kind) = 0;
  for (;;) {
    call_comes();
    if (g_count == 0) return 0;
    for (g_done = 0; g_done < g_count; ++g_done) {
      Operation& operation = g_operations[g_done];
      operation.result = carry_out(operation);
      asm volatile("" ::: "memory");
    }
    g_count = 0;
    call_returned(static_cast<std::int64_t>(g_done));
  }
}
