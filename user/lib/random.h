// Random numbers that are the same in every run: a failure that they bring about can be repeated.
#pragma once

#include <cstdint>

// Marsaglia's xorshift64 (Journal of Statistical Software 8, 14): every number but 0 once in 2^64 - 1 steps.
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed = 1) : state_(seed != 0 ? seed : 1) {}

  constexpr std::uint64_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return state_;
  }

  // A number below `end`, which is not 0.
  constexpr std::uint64_t below(std::uint64_t end) { return next() % end; }

  // A seed for another Random. The next number would not do: the other would repeat this one, a step later.
  constexpr std::uint64_t seed() { return next() * 0x2545'f491'4f6c'dd1d; }

 private:
  std::uint64_t state_;
};
