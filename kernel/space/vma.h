// What a process has been promised: its virtual memory areas (VMAs). A page of an area need not be there; the first
// touch brings it (fault.h). What is in no area is not the process's, whatever the tables say.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "kernel/base/addr.h"
#include "kernel/base/result.h"
#include "kernel/paging/page_flags.h"

// What user code may do. Whoever may write or execute may also read; all false: nothing at all.
struct Protection {
  bool read = false;
  bool write = false;
  bool execute = false;

  constexpr bool operator==(const Protection&) const = default;
};

// The leaf of a page with this protection. A page without any stays mapped, for the kernel alone: it keeps its bytes.
constexpr PageFlags flags_of(Protection protection) {
  return {.write = protection.write, .execute = protection.execute, .user = protection.read};
}

// Where the first contents of an area's pages come from, and who changes its size.
enum class VmaKind : std::uint8_t {
  kAnonymous,  // zeros; mmap
  kImage,      // the program's file, and zeros where it has none
  kHeap,       // zeros; brk moves its end
  kStack,      // zeros; a fault below it moves its start
  kThread,     // thread-local variables; the loader fills it
};

// The addresses from `start` up to, but not including, `end`: whole pages, at least one.
struct Vma {
  VirtAddr start, end;
  Protection protection;
  VmaKind kind = VmaKind::kAnonymous;

  constexpr bool operator==(const Vma&) const = default;
};

// The areas of one process: sorted by address, none overlapping another, and no two that touch and are alike, for those
// are merged into one. Plain data; lives in a frame (memory_map.h) and is read from outside as well.
class VmaList {
 public:
  static constexpr std::size_t kMost = 128;

  std::span<const Vma> all() const { return std::span(areas_).first(count_); }

  // The area that `va` lies in, or null.
  const Vma* find(VirtAddr va) const;

  // The lowest area that ends after `va`, so `va` lies in it or below it; null if there is none.
  const Vma* find_from(VirtAddr va) const;

  // Adds an area. kAlreadyMapped if it overlaps another; else kTooManyAreas if there would be more than kMost.
  [[nodiscard]] Result<void> insert(const Vma& area);

  // Takes the addresses from `start` to `end` out of all areas; what lies on both sides of them stays. kTooManyAreas if
  // that would leave more than kMost: then nothing has changed.
  [[nodiscard]] Result<void> remove(VirtAddr start, VirtAddr end);

  // Gives the addresses from `start` to `end` another protection. kNoArea if one of them is in no area, else
  // kTooManyAreas: then nothing has changed.
  [[nodiscard]] Result<void> protect(VirtAddr start, VirtAddr end, Protection protection);

  // The lowest address from `from` on where `size` bytes are in no area and in the user half. kNoMemory.
  Result<VirtAddr> find_gap(VirtAddr from, std::uint64_t size) const;

 private:
  // The place of find_from(va), or count_.
  std::size_t place_from(VirtAddr va) const;

  // Makes a border between areas at `va`: one that reaches across becomes two. Needs a place that is free.
  void split(VirtAddr va);

  // Makes one area of two that touch at `va` and are alike, if there are such.
  void merge(VirtAddr va);

  std::size_t count_ = 0;
  std::array<Vma, kMost + 2> areas_{};  // an operation may need two more for a moment
};
