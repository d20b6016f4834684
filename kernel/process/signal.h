// Why a process was killed.
#pragma once

#include <cstdint>

// With Linux's numbers (signal(7)).
enum class Signal : std::uint8_t {
  kInterrupt = 2,
  kIllegalInstruction = 4,
  kTrap = 5,
  kBus = 7,
  kArithmetic = 8,
  kKill = 9,
  kSegmentation = 11,
};
