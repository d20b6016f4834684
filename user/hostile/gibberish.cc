// Talks gibberish to the kernel: `gibberish COUNT SEED` makes so many system calls, with numbers and arguments that are
// random, or come from where mistakes are made. It counts what the kernel answers. The same seed says the same.
#include <cstdint>

#include "kernel/calls/error_numbers.h"
#include "kernel/space/user_layout.h"
#include "registers.h"
#include "user/lib/random.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/string.h"
#include "user/lib/system_calls.h"

namespace {

// Memory that the kernel may read and write. It is full of bytes that make no sense as a duration or as a pointer, but
// for a program's name.
alignas(4096) constinit char g_own[4096]{};
constexpr char kName[] = "echo";

void fill_own_memory() {
  memset(g_own, 0xff, sizeof g_own);
  memcpy(g_own, kName, sizeof kName);
}

constexpr std::uint64_t kStackTop = layout::kUserStackTop.raw();
constexpr std::uint64_t kUserEnd = layout::kUserEnd.raw();

std::uint64_t edge(Random& random) {
  constexpr std::uint64_t kEdges[] = {
      0,
      1,
      8,
      0xfff,
      0x1000,
      0x3f'ffff,
      0x40'0000,  // page 0, and the beginning of the program
      kStackTop - 8,
      kStackTop - 1,
      kStackTop,                               // the upper end of the stack...
      kStackTop - layout::kUserStackSize - 1,  // ...and the lower one
      kUserEnd - 8,
      kUserEnd - 1,
      kUserEnd,  // the end of the user half
      0x7fff'ffff'ffff,
      0x8000'0000'0000,
      0xffff'ffff'ffff,  // the ends of the lower half
      0x1'0000'0000'0000,
      std::uint64_t{1} << 63,  // between the halves
      0xffff'0000'0000'0000,
      0xffff'8000'0000'0000,  // the beginnings of the upper half
      0xffff'8100'0000'0000,
      0xffff'0100'0000'0000,  // temporary mappings
      0x7fff'ffff,
      0x8000'0000,
      0xffff'ffff,  // the ends of numbers with 32 bits...
      ~std::uint64_t{0} >> 1,
      ~std::uint64_t{0},
      ~std::uint64_t{7},  // ...and with 64
  };
  return kEdges[random.below(sizeof kEdges / sizeof *kEdges)];
}

std::uint64_t argument(Random& random) {
  switch (random.below(5)) {
    case 0: return random.next();
    case 1: return random.below(8);
    case 2: return edge(random);
    case 3: return edge(random) + random.below(32) - 16;
    default: return bits_of(g_own) + (random.below(2) == 0 ? 0 : random.below(sizeof g_own));
  }
}

// The calls after which this would not be one program any more, or not this one, or without its memory, or would have
// names there to start programs by. Those about memory have a program of their own, mmapnonsense.
bool is_end(std::uint64_t number) {
  using namespace system_calls;
  constexpr std::uint64_t kEnds[] = {kExit,           kFork, kExecve, kBrk, kMmap, kMunmap, kMprotect, kDescribeProgram,
                                     kDescribeProcess};
  for (const std::uint64_t end : kEnds) {
    if (number == end) return true;
  }
  return false;
}

std::uint64_t number(Random& random) {
  constexpr std::uint64_t kNumbers[] = {system_calls::kRead,       system_calls::kWrite,  system_calls::kNanosleep,
                                        system_calls::kSchedYield, system_calls::kGetpid, system_calls::kWait4,
                                        system_calls::kSpawn};
  const std::uint64_t chosen = random.below(9);
  if (chosen < 7) return kNumbers[chosen];
  const std::uint64_t other = chosen == 7 ? random.below(2000) : argument(random);
  return is_end(other) ? 0 : other;
}

// Whether we would sleep, and not get an error: descriptions and statuses that were written there make sense as one.
bool is_duration(std::uint64_t address) {
  if (address - bits_of(g_own) > sizeof g_own - sizeof(Duration)) return true;  // whatever there is
  Duration duration;
  memcpy(&duration, reinterpret_cast<const char*>(address), sizeof duration);
  return duration.seconds >= 0 && duration.nanoseconds >= 0 && duration.nanoseconds < 1'000'000'000;
}

// Two calls would have us wait for longer than anybody wants: a read from file 0, until somebody types, and a sleep for
// as long as what happens to be in our text, data or stack.
void keep_awake(Registers& call) {
  std::uint64_t& first = call.values[kArgumentRegisters[0]];
  const std::uint64_t number = call.values[kNumberRegister];
  if (number == system_calls::kRead) first |= 1;
  if (number == system_calls::kNanosleep && is_duration(first)) first |= std::uint64_t{1} << 47;
}

Registers random_call(Random& random) {
  Registers call;
  for (unsigned i = 0; i < kRegisterCount; ++i) call.values[i] = legal_value(i, random.next());
  for (const unsigned i : kArgumentRegisters) call.values[i] = argument(random);
  call.values[kNumberRegister] = number(random);
  keep_awake(call);
  return call;
}

// How often the kernel answered with each error, and at 0 with none.
std::uint64_t g_answers[64];

// Returns whether the kernel kept to what it promises.
bool call_kernel(Random& random) {
  const Registers before = random_call(random);
  Registers after = before;
  system_call_with(after);
  const auto result = static_cast<std::int64_t>(after.values[kResultRegister]);
  after.values[kResultRegister] = before.values[kResultRegister];
  const std::uint64_t error = result < 0 ? -static_cast<std::uint64_t>(result) : 0;
  if (after != before || error >= 64) {
    printf("gibberish: system call 0x%lx returned %ld%s\n", before.values[kNumberRegister], result,
           after != before ? " and changed a register" : "");
    return false;
  }
  ++g_answers[error];
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  const unsigned long count = strtoul(argv[1], nullptr, 0);
  Random random(strtoul(argv[2], nullptr, 0));
  memset(argv[0], 0xff, strlen(argv[0]));  // its end is a program's name as well: that of the shell
  for (unsigned long i = 0; i < count; ++i) {
    if (i % 64 == 0) fill_own_memory();
    if (!call_kernel(random)) return 1;
  }
  puts("");  // whatever it has written ends here
  for (unsigned error = 0; error < 64; ++error) {
    if (g_answers[error] != 0) printf("gibberish: answer %u came %lu times\n", error, g_answers[error]);
  }
  printf("gibberish: %lu calls\n", count);
  return 0;
}
