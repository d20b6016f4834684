// The walk of each ISA's MMU as its manual describes it, written without the kernel's descriptions of the formats: a
// second opinion on what the tables in memory mean.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "kernel/base/addr.h"
#include "kernel/paging/page_flags.h"

// One entry as the hardware reads it.
struct HardwareEntry {
  enum Kind : std::uint8_t { kNothing, kTable, kLeaf, kBroken };
  Kind kind = kNothing;
  std::uint64_t address = 0;  // of the table, page or block
  // What the entry permits; an entry that points to a table limits all that lies below it.
  bool write = false, user = false, kernel_execute = false, user_execute = false;
  bool global = false, device = false;
};

enum class Format : std::uint8_t { kX86_64, kAarch64, kRiscv64, kI386 };

// One ISA's format.
struct Hardware {
  Format format;
  const char* name;
  unsigned levels, index_bits, entry_bytes, largest_leaf;
  std::array<VirtAddr, 4> edges;           // first and last page of the lower half, first and last of the upper
  std::array<VirtAddr, 2> untranslatable;  // right after the lower half, right before the upper
  HardwareEntry (*read)(unsigned level, std::uint64_t entry);
  // What the CPU sets by itself when it uses an entry: in those that lead to a table, in a leaf, and in a leaf that is
  // written to.
  std::uint64_t used_table, used_leaf, written_leaf;

  // What the kernel's description of the format (arch/<isa>/paging.h) has under these names. Here a test can ask for it
  // without the type of the format, and so be compiled once for all formats.
  PageFlags (*honoured)(PageFlags asked);
  std::uint64_t (*leaf)(unsigned level, PhysAddr pa, PageFlags flags);
  std::uint64_t (*table)(PhysAddr pa);

  unsigned entries_per_table() const { return 1u << index_bits; }
  std::uint64_t level_size(unsigned level) const { return kPageSize << (level * index_bits); }
  // Of the entry for `va` in a table of `level`.
  unsigned index(VirtAddr va, unsigned level) const { return va.raw() / level_size(level) % entries_per_table(); }
};
const Hardware& hardware_of(Format format);

struct Translation {
  PhysAddr address;    // of the very byte that was asked for
  std::uint64_t size;  // of the page or block around it
  PageFlags flags;     // what the whole walk permits

  bool operator==(const Translation&) const = default;
};

// What the hardware makes of `va`, an address that it does translate; nothing if it would fault.
std::optional<Translation> translate(const Hardware& hardware, PhysAddr root, VirtAddr va);

// The hardware writes to `va`, if it may, or else reads: it notes that in the entries on the way, as its manual says.
void touch(const Hardware& hardware, PhysAddr root, VirtAddr va);

// A page or block that the hardware can reach. `va` lacks the upper bits: it is made of the indices alone.
struct Leaf {
  std::uint64_t va;
  std::uint64_t size;
  std::uint64_t entry;

  auto operator<=>(const Leaf&) const = default;
};

// All that the hardware can reach from a root, in the order of its walk.
struct Tree {
  std::vector<PhysAddr> tables;
  std::string bytes;                // of all these tables
  std::vector<Leaf> leaves;         // by address
  std::vector<std::string> broken;  // entries that the manual does not permit

  bool operator==(const Tree&) const;
};
Tree tree_of(const Hardware& hardware, PhysAddr root);

// How many owners `frame` has.
unsigned owners_of(PhysAddr frame);

// The hardware's walker, which may read the tables at any moment: they must be sound after every single write.
struct Watch {
  const Hardware& hardware;
  PhysAddr root;
  std::vector<Leaf> leaves = {};         // what the hardware could reach after the last write
  unsigned changes = 0;                  // how many writes have changed that
  std::vector<std::string> broken = {};  // what it met that must never be there

  void look();
};
