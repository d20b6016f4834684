// Computes and never calls the kernel: only the timer can take the CPU away from it. `spin` goes on for ever, `spin N`
// ends after N rounds of a million steps.
#include <cstdint>

#include "user/lib/stdlib.h"

// In memory, so that whoever looks at the process from outside sees it move.
volatile std::uint64_t g_steps = 0;

int main(int argc, char** argv) {
  constexpr std::uint64_t kRound = 1'000'000;
  const bool is_endless = argc < 2;
  const std::uint64_t last = is_endless ? 0 : strtoul(argv[1], nullptr, 0) * kRound;
  while (is_endless || g_steps < last) g_steps = g_steps + 1;
  return 0;
}
