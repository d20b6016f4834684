// Talks gibberish to the kernel about memory: `mmapnonsense CHILDREN SEED` starts itself so many times, and each child
// makes calls of brk, mmap, munmap and mprotect with arguments that are random, or come from where mistakes are made.
// A child may take its own program or stack away, and die of it. Nothing else may happen to it.
#include <cstdint>
#include <initializer_list>

#include "kernel/base/addr.h"
#include "kernel/calls/error_numbers.h"
#include "kernel/space/user_layout.h"
#include "user/lib/expect.h"
#include "user/lib/random.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

namespace {

using namespace error_numbers;
using namespace memory_options;

constexpr int kSegmentationFault = 11;  // Linux's SIGSEGV
constexpr int kCalls = 400;             // of each child
constexpr std::uint64_t kUserEnd = layout::kUserEnd.raw();

std::uint64_t edge(Random& random) {
  constexpr std::uint64_t kEdges[] = {
      0,
      kPageSize,
      0x40'0000,    // the program
      0x50'0000,    // after it
      0x1000'0000,  // where nobody is
      layout::kUserStackLimit.raw(),
      layout::kUserStackTop.raw() - 4 * kPageSize,
      layout::kUserStackTop.raw(),
      layout::kUserMapStart.raw(),
      layout::kUserMapStart.raw() + 64 * kPageSize,
      kUserEnd - kPageSize,
      kUserEnd,
      0x8000'0000'0000,
      0xffff'8000'0000'0000,
      std::uint64_t{1} << 63,
      -std::uint64_t{kPageSize},
  };
  return kEdges[random.below(sizeof kEdges / sizeof *kEdges)];
}

std::uint64_t address(Random& random) {
  switch (random.below(48)) {
    case 0: return random.next();
    case 1: return edge(random) + random.below(32) - 16;
    case 2: return edge(random);
    default: return layout::kUserMapStart.raw() + random.below(256) * kPageSize;
  }
}

std::uint64_t size(Random& random) {
  switch (random.below(16)) {
    case 0: return random.next();
    case 1: return edge(random);
    case 2: return random.below(3 * kPageSize);
    default: return random.below(40) * kPageSize;
  }
}

std::uint64_t protection(Random& random) {
  return random.below(10) == 0 ? random.next() : random.below(8);
}

std::uint64_t flags(Random& random) {
  constexpr std::uint64_t kPlain = kMapPrivate | kMapAnonymous;
  switch (random.below(8)) {
    case 0: return random.next();
    case 1: return random.below(64);
    case 2: return kPlain | kMapFixedNoReplace;
    case 3:
    case 4: return kPlain | kMapFixed;
    default: return kPlain;
  }
}

void expect_error(const char* what, std::int64_t error, bool is_known) {
  if (!is_known) expect_equal(what, error, 0);
}

// Uses what was mapped at both ends, as far as that is allowed: the pages must come.
void touch(std::uint64_t start, std::uint64_t size, std::uint64_t protection) {
  for (const std::uint64_t at : {start, start + size - 1}) {
    auto& byte = *reinterpret_cast<volatile char*>(at);
    if ((protection & (kProtRead | kProtWrite | kProtExec)) != 0) expect_equal("a byte of a new page", byte, 0);
    if ((protection & kProtWrite) != 0) byte = 0;
  }
}

void call_mmap(Random& random) {
  const std::uint64_t hint = address(random), wanted = size(random);
  std::uint64_t rights = protection(random);
  const std::uint64_t how = flags(random);
  // Zeros in place of the program, and run: who knows what they do, and for how long.
  if (hint < layout::kUserMapStart.raw()) rights &= ~kProtExec;
  const int file = random.below(8) == 0 ? static_cast<int>(random.below(5)) : -1;
  const std::uint64_t offset = random.below(8) == 0 ? address(random) : 0;
  const std::int64_t result = mmap(reinterpret_cast<void*>(hint), wanted, rights, how, file, offset);
  if (result < 0) {
    const std::int64_t error = -result;
    return expect_error("mmap", result,
                        error == kEINVAL || error == kENOMEM || error == kEBADF || error == kENODEV ||
                            error == kEACCES || error == kEPERM || error == kEEXIST || error == kEOPNOTSUPP);
  }
  const auto start = static_cast<std::uint64_t>(result);
  const bool is_fixed = (how & (kMapFixed | kMapFixedNoReplace)) != 0;
  expect("mmap gives pages of the user half, where they were wanted",
         start >= kPageSize && start % kPageSize == 0 && wanted <= kUserEnd - start && (!is_fixed || start == hint));
  touch(start, wanted, rights);
}

void call_munmap(Random& random) {
  const std::int64_t result = munmap(reinterpret_cast<void*>(address(random)), size(random));
  expect_error("munmap", result, result == 0 || result == -kEINVAL || result == -kENOMEM);
}

void call_mprotect(Random& random) {
  const auto* const start = reinterpret_cast<void*>(address(random));
  const std::uint64_t length = size(random);
  const std::int64_t result = mprotect(start, length, protection(random));
  expect_error("mprotect", result, result == 0 || result == -kEINVAL || result == -kENOMEM || result == -kEACCES);
}

void call_brk(Random& random) {
  const std::int64_t before = brk(nullptr);
  const std::uint64_t end = random.below(2) == 0 ? before + random.below(1 << 20) - (1 << 18) : address(random);
  const std::int64_t after = brk(reinterpret_cast<void*>(end));
  expect("brk gives the old end or the new one", after == before || after == static_cast<std::int64_t>(end));
}

int talk(Random random) {
  for (int i = 0; i < kCalls && wrong_count() == 0; ++i) {
    switch (random.below(6)) {
      case 0: call_munmap(random); break;
      case 1: call_mprotect(random); break;
      case 2: call_brk(random); break;
      default: call_mmap(random);
    }
  }
  return wrong_count() == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  if (argv[1][0] == 'c') return talk(Random(strtoul(argv[2], nullptr, 0)));
  const unsigned long children = strtoul(argv[1], nullptr, 0);
  Random random(strtoul(argv[2], nullptr, 0));
  unsigned long killed = 0;
  for (unsigned long i = 0; i < children; ++i) {
    char seed[kDigits];
    to_text(random.seed(), seed);
    const char* const arguments[] = {"mmapnonsense", "child", seed, nullptr};
    int status = -1;
    const std::int64_t child = spawn("mmapnonsense", arguments);
    expect_equal("wait4", wait4(child, &status), child);
    expect("a child ends well or by a fault", status == 0 || status == kSegmentationFault);
    if (status != 0) ++killed;
  }
  printf("mmapnonsense: %lu children, %lu took away what they needed\n", children, killed);
  return verdict("mmapnonsense");
}
