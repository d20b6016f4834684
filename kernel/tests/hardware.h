// The walk of each ISA's MMU as its manual describes it, written without the kernel's descriptions of the formats: a
// second opinion on what the tables in memory mean.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "arch/aarch64/paging.h"
#include "arch/i386/paging.h"
#include "arch/riscv64/paging.h"
#include "arch/x86_64/paging.h"
#include "kernel/base/addr.h"
#include "kernel/mm/page_flags.h"

// One entry as the hardware reads it.
struct HardwareEntry {
  enum Kind : std::uint8_t { kNothing, kTable, kLeaf, kBroken };
  Kind kind = kNothing;
  std::uint64_t address = 0;  // of the table, page or block
  // What the entry permits; an entry that points to a table limits all that lies below it.
  bool write = false, user = false, kernel_execute = false, user_execute = false;
  bool global = false, device = false;
};

// One ISA's format.
struct Hardware {
  const char* name;
  unsigned levels, index_bits, entry_bytes, largest_leaf;
  std::array<VirtAddr, 4> edges;           // first and last page of the lower half, first and last of the upper
  std::array<VirtAddr, 2> untranslatable;  // right behind the lower half, right before the upper
  HardwareEntry (*read)(unsigned level, std::uint64_t entry);
};

template <typename F>
const Hardware& hardware_of();
template <>
const Hardware& hardware_of<X86_64Paging>();
template <>
const Hardware& hardware_of<Aarch64Paging>();
template <>
const Hardware& hardware_of<Sv39Paging>();
template <>
const Hardware& hardware_of<I386Paging>();

struct Translation {
  PhysAddr address;    // of the very byte that was asked for
  std::uint64_t size;  // of the page or block around it
  PageFlags flags;     // what the whole walk permits

  bool operator==(const Translation&) const = default;
};

// What the hardware makes of `va`, an address that it does translate; nothing if it would fault.
std::optional<Translation> translate(const Hardware& hardware, PhysAddr root, VirtAddr va);

// A page or block that the hardware can reach. `va` lacks the upper bits: it is made of the indices alone.
struct Leaf {
  std::uint64_t va;
  std::uint64_t size;
  std::uint64_t entry;

  auto operator<=>(const Leaf&) const = default;
};

// All that the hardware can reach from a root.
struct Tree {
  std::map<PhysAddr, std::vector<std::byte>> tables;  // with their contents
  std::vector<Leaf> leaves;                           // by address
  std::vector<std::string> broken;                    // entries that the manual does not permit

  bool operator==(const Tree&) const = default;
};
Tree tree_of(const Hardware& hardware, PhysAddr root);
