// A program whose segments share pages: code and constants the one, constants and variables the other (sharedpage.ld).
// It exits with 0 if both are there.
#include <array>
#include <cstddef>
#include <cstdint>

#include "user/lib/random.h"
#include "user/lib/stdio.h"

namespace {

constexpr std::size_t kWords = 1400;  // 2.7 pages

template <std::uint64_t kSeed>
constexpr std::array<std::uint64_t, kWords> random_words() {
  std::array<std::uint64_t, kWords> words{};
  Random random(kSeed);
  for (std::uint64_t& word : words) word = random.next();
  return words;
}

// How many are not as they were made, each `added` more.
int count_wrong(const std::array<std::uint64_t, kWords>& words, std::uint64_t seed, std::uint64_t added) {
  Random random(seed);
  int wrong = 0;
  for (const volatile std::uint64_t& word : words) wrong += word != random.next() + added;
  return wrong;
}

}  // namespace

extern "C" {
extern const std::array<std::uint64_t, kWords> g_constants = random_words<3>();
constinit std::array<std::uint64_t, kWords> g_counted = random_words<4>();
}

int main() {
  int wrong = count_wrong(g_constants, 3, 0) + count_wrong(g_counted, 4, 0);
  for (std::uint64_t& word : g_counted) ++word;
  wrong += count_wrong(g_constants, 3, 0) + count_wrong(g_counted, 4, 1);
  if (wrong > 0) printf("sharedpage: %d words are not as they were\n", wrong);
  return wrong > 0 ? 1 : 0;
}
