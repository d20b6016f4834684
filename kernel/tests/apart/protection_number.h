// A protection as a number, for messages.
#pragma once

#include "kernel/space/vma.h"

constexpr std::uint64_t number_of(Protection protection) {
  return (protection.read ? 1 : 0) | (protection.write ? 2 : 0) | (protection.execute ? 4 : 0);
}

constexpr Protection protection_from(std::uint64_t number) {
  return {.read = (number & 1) != 0, .write = (number & 2) != 0, .execute = (number & 4) != 0};
}
