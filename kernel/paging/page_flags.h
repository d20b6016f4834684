// What a mapping permits, in words that every ISA shares. A mapped page can always be read.
#pragma once

#include <cstdint>

enum class MemoryType : std::uint8_t {
  kNormal,  // RAM: cached, may be read ahead
  kDevice,  // registers: each access happens once, in order
};

struct PageFlags {
  bool write = false;
  bool execute = false;  // by user code if `user`, else by the kernel
  bool user = false;     // open to user code too
  bool global = false;   // the same in every root: its translation survives a switch of roots
  MemoryType memory = MemoryType::kNormal;

  constexpr bool operator==(const PageFlags&) const = default;
};
