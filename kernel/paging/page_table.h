// The page-table engine: one piece of code for every ISA, format and memory. The format says how entries look, the
// memory where tables are. Here the functions are only declared, each with the file that says how it works. Those files
// are compiled in one place each, kernel_table*.cc: whoever changes one of them compiles nothing else again.
#pragma once

#include <cstdint>
#include <optional>

#include "kernel/base/addr.h"
#include "kernel/base/result.h"
#include "kernel/paging/page_flags.h"
#include "kernel/paging/paging_format.h"
#include "kernel/paging/stale_tlb.h"
#include "kernel/paging/table_memory.h"

// What a virtual address translates to.
struct Mapping {
  PhysAddr address;    // of the very byte that was asked for
  std::uint64_t size;  // of the page or block around it
  PageFlags flags;
};

class PageCopier;

// A tree of tables below one root, in the format F, read and written by way of the memory M. Where a function could
// fail for more than one reason, it fails with any of them.
template <PagingFormat F, TableMemory<typename F::Entry> M = WindowTables<typename F::Entry>>
class PageTable {
 public:
  using Entry = typename F::Entry;

  // Works on the tables below `root`, an existing table of the highest level. Owns nothing.
  explicit PageTable(PhysAddr root, M memory = {}) : root_(root), memory_(memory) {}

  PhysAddr root() const { return root_; }

  // Lab 1, page_table_map.h: maps the page (level 0) or block (a higher level) at `va` to `pa`. Makes the tables on the
  // way that are missing. Fails, and changes nothing, with kAlreadyMapped if any part of it is mapped, kBadAddress if
  // the format cannot translate `va` or hold `pa`, kMisaligned if `va` or `pa` is not a multiple of the level's size,
  // kNoMemory.
  [[nodiscard]] Result<void> map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level = 0);

  // Lab 1, page_table_map.h: maps `size` bytes from `va` upwards to those from `pa`, with the largest blocks that both
  // addresses permit. The range may end with the last 64-bit address. Maps nothing and fails with kMisaligned if `va`,
  // `pa` or `size` is not a multiple of the page size, with kBadAddress if the range would go on past that address. On
  // other failures (as above) it has gone as far as it could, and what was mapped before stays.
  [[nodiscard]] Result<void> map_range(VirtAddr va, PhysAddr pa, std::uint64_t size, PageFlags flags);

  // Lab 1, page_table_map.h: what `va` translates to, or nothing if no leaf maps it. Never allocates.
  std::optional<Mapping> lookup(VirtAddr va) const;

  // Lab 3, page_table_unmap.h: takes away the mapping of the page or block at `va`; its entry is 0 again. Tables that
  // are empty now are freed. kNotMapped if no leaf maps it; kBadAddress; kMisaligned if `va` is not where that page or
  // block begins.
  [[nodiscard]] Result<StaleTlb> unmap(VirtAddr va);

  // Lab 3, page_table_unmap.h: gives the page or block at `va` other flags, at once or by break-before-make: an empty
  // entry, memory_.forget(), the new entry. Errors as for unmap().
  [[nodiscard]] Result<StaleTlb> protect(VirtAddr va, PageFlags flags);

  // From lab 5 on, page_table_cursor.h: moves over what is mapped in a range, and may change it or take it away.
  class Cursor;

  // From lab 6 on, page_table_copy.h: maps, for every page that `other` maps from `start` up to `end`, the frame that
  // `copier` gives for it, with the same flags. Nothing may be mapped there yet, and no blocks there. kNoMemory, or
  // what `copier` fails with: then what was mapped before stays.
  [[nodiscard]] Result<void> map_copies(const PageTable& other, VirtAddr start, VirtAddr end, PageCopier copier);

 private:
  // One entry of one table, and what it says.
  struct Slot {
    PhysAddr table;
    unsigned level;
    unsigned index;
    Decoded decoded;
  };

  // Lab 1, page_table_map.h: walks down from the root towards `va`. Stops at `level`, or above it at the first entry
  // that is not a table.
  Slot walk(VirtAddr va, unsigned level) const;

  Slot slot(PhysAddr table, unsigned level, VirtAddr va) const {
    const unsigned index = table_index<F>(va, level);
    return {table, level, index, F::decode(level, memory_.read(table, index))};
  }

  // Whether all entries of `table`, which is of that level, are empty.
  bool is_empty(PhysAddr table, unsigned level) const;

  // Two tables of the same level, for the same addresses.
  struct TablePair {
    PhysAddr to, from;
    unsigned level;
  };
  Result<void> copy_entries(TablePair pair, VirtAddr first, VirtAddr last, PageCopier copier);
  Result<void> copy_pages(TablePair pair, unsigned first, unsigned last, PageCopier copier);
  Result<PhysAddr> table_below(TablePair pair, unsigned index);

  PhysAddr root_;
  [[no_unique_address]] M memory_;
};
