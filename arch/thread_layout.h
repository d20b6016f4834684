// How the thread-local variables of a process lie in memory.
#pragma once

#include <cstdint>

// The variables, and the word that the thread pointer points to, as offsets in one block of memory. The word holds its
// own address.
struct ThreadLayout {
  std::uint64_t variables;
  std::uint64_t pointer;
  std::uint64_t size;  // of the block
};
