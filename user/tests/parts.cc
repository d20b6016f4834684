// A program with all the parts that a process can have: four segments (parts.ld), thread-local variables on three
// pages, a stack, a heap, and what mmap gave it. It exits with 0 if it finds all of them as it should.
#include <array>
#include <cstddef>
#include <cstdint>

#include "user/lib/judged_call.h"
#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

namespace {

constexpr std::size_t kPageSize = 4096;
constexpr std::size_t kWords = 600;
constexpr std::uint64_t kSeed = 0x5eed;

constexpr std::array<std::uint64_t, kWords> numbered(std::uint64_t seed) {
  std::array<std::uint64_t, kWords> words{};
  for (std::size_t i = 0; i < kWords; ++i) words[i] = (seed << 32) + i;
  return words;
}

[[gnu::section(".notes")]] constinit const std::array<std::uint64_t, kWords> kNotes = numbered(kSeed);
constexpr std::array<std::uint64_t, kWords> kConstants = numbered(kSeed + 1);
constinit std::array<std::uint64_t, kWords> g_variables = numbered(kSeed + 2);
constinit std::array<std::uint64_t, kWords> g_zeros{};
constinit thread_local std::array<std::uint64_t, kWords> t_variables = numbered(kSeed + 3);
constinit thread_local std::array<std::uint64_t, kWords> t_zeros{};

int count_wrong(const std::array<std::uint64_t, kWords>& words, std::uint64_t seed) {
  int wrong = 0;
  for (std::size_t i = 0; i < kWords; ++i) {
    const std::uint64_t right = seed == 0 ? 0 : (seed << 32) + i;
    wrong += *const_cast<const volatile std::uint64_t*>(&words[i]) != right;
  }
  return wrong;
}

// Writes to the first word of each page, which was 0.
int use(std::int64_t start, std::size_t pages) {
  if (start < 0) return 1;
  int wrong = 0;
  for (std::size_t page = 0; page < pages; ++page) {
    auto* word = reinterpret_cast<volatile std::uint64_t*>(start + static_cast<std::int64_t>(page * kPageSize));
    wrong += *word != 0;
    *word = page;
  }
  return wrong;
}

}  // namespace

int main() {
  int wrong = count_wrong(kNotes, kSeed) + count_wrong(kConstants, kSeed + 1) + count_wrong(g_variables, kSeed + 2) +
              count_wrong(g_zeros, 0) + count_wrong(t_variables, kSeed + 3) + count_wrong(t_zeros, 0);
  const std::int64_t heap = brk(nullptr);
  brk(reinterpret_cast<const void*>(heap + 5 * static_cast<std::int64_t>(kPageSize)));
  wrong += use(heap, 5);
  const auto flags = memory_options::kMapPrivate | memory_options::kMapAnonymous;
  wrong += use(mmap(nullptr, 3 * kPageSize, memory_options::kProtRead, flags), 0);
  call_returned(wrong);
  if (wrong > 0) printf("parts: %d words are not as they should be\n", wrong);
  return wrong > 0 ? 1 : 0;
}
