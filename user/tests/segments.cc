// A program that is mostly contents: read-only data, data, and memory that begins as zeros, each of several pages and
// none of them full to the end. It exits with 0 if it finds itself as it was built.
#include <array>
#include <cstddef>
#include <cstdint>

#include "user/lib/random.h"
#include "user/lib/stdio.h"

namespace {

template <std::size_t kSize>
constexpr std::array<std::uint64_t, kSize> random_words(std::uint64_t seed) {
  std::array<std::uint64_t, kSize> words{};
  Random random(seed);
  for (std::uint64_t& word : words) word = random.next();
  return words;
}

// How many of `words` are not what random_words(seed) made.
template <std::size_t kSize>
int count_wrong(const std::array<std::uint64_t, kSize>& words, std::uint64_t seed) {
  Random random(seed);
  int wrong = 0;
  for (const volatile std::uint64_t& word : words) wrong += word != random.next();
  return wrong;
}

template <std::size_t kSize>
int count_set(const std::array<std::uint64_t, kSize>& words) {
  int set = 0;
  for (const volatile std::uint64_t& word : words) set += word != 0;
  return set;
}

constexpr std::array<std::uint64_t, 1111> kConstants = random_words<1111>(1);   // 2.2 pages
constinit std::array<std::uint64_t, 1333> g_variables = random_words<1333>(2);  // 2.6 pages
constinit std::array<std::uint64_t, 12345> g_zeros{};                           // 24.1 pages

}  // namespace

// Where the grader stops the program when it has looked at all of itself, and changed nothing.
extern "C" [[gnu::noipa]] void contents_are_seen() {
  asm volatile("" ::: "memory");
}

int main() {
  const int wrong = count_wrong(kConstants, 1) + count_wrong(g_variables, 2) + count_set(g_zeros);
  contents_are_seen();
  if (wrong > 0) printf("segments: %d words are not as they were built\n", wrong);
  for (std::uint64_t& word : g_zeros) word = ~word;  // whoever gets the frames next must not see this
  return wrong == 0 ? 0 : 1;
}
