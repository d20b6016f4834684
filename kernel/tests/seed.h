// What the tests draw by chance.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>

// The seed of a round: always the same, or another one for each --gtest_random_seed.
inline std::uint64_t seed_of(unsigned round) {
  return round + (static_cast<std::uint64_t>(GTEST_FLAG_GET(random_seed)) << 32);
}
