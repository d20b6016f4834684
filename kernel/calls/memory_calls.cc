
#include <optional>

#include "kernel/calls/error_numbers.h"
#include "kernel/calls/system_call_numbers.h"
#include "kernel/calls/system_calls.h"
#include "kernel/process/scheduler.h"
#include "kernel/space/fault.h"
#include "kernel/space/memory_map.h"
#include "kernel/space/user_layout.h"

namespace {

using namespace error_numbers;
using namespace memory_options;

Protection protection_of(std::uint64_t options) {
  const bool write = (options & kProtWrite) != 0, execute = (options & kProtExec) != 0;
  return {.read = write || execute || (options & kProtRead) != 0, .write = write, .execute = execute};
}

// The end of a range of pages, or nothing if there is no such range in the user half. Rounds `size` up.
std::optional<VirtAddr> end_of(VirtAddr start, std::uint64_t size) {
  const std::uint64_t rounded = round_up(size, kPageSize);
  if (rounded < size || start > layout::kUserEnd || rounded > layout::kUserEnd - start) return std::nullopt;
  return start + rounded;
}

// Whether a list has room for what an operation on a range may add: a border at each end.
bool has_room(const VmaList& areas) {
  return areas.all().size() + 2 <= VmaList::kMost;
}

// Whether what ends at `end` would take the guard: the page below a stack. Only kMapFixed may.
bool takes_guard(const VmaList& areas, VirtAddr end) {
  const Vma* above = areas.find_from(end);
  return above != nullptr && above->kind == VmaKind::kStack && above->start - end < kPageSize;
}

// Takes whatever is there out of the list, and its pages out of the tables.
Result<void> clear(AddressSpace& space, VirtAddr start, VirtAddr end) {
  TRY(space.memory().areas.remove(start, end));
  drop_pages(space, start, end);
  return {};
}

// Makes the heap end at `end`, and its pages with the page of its last byte. Returns whether that was possible.
bool move_heap_end(AddressSpace& space, VirtAddr end) {
  MemoryMap& memory = space.memory();
  if (end < memory.heap_start || end > layout::kUserEnd) return false;
  const VirtAddr old_end{round_up(memory.heap_end.raw(), kPageSize)};
  const VirtAddr new_end{round_up(end.raw(), kPageSize)};
  if (new_end > old_end) {
    const Vma growth{old_end, new_end, {.read = true, .write = true}, VmaKind::kHeap};
    if (takes_guard(memory.areas, new_end) || !memory.areas.insert(growth)) return false;
  } else if (new_end < old_end) {
    if (!clear(space, new_end, old_end)) return false;
  }
  memory.heap_end = end;
  return true;
}

// What mmap refuses before it looks at addresses; 0 if nothing.
Value wrong_with_request(std::uint64_t size, std::uint64_t options, std::uint64_t flags, std::int32_t file) {
  if ((flags & kMapAnonymous) == 0) return file >= 0 && file <= 2 ? -kENODEV : -kEBADF;  // 0 to 2 are the console
  if (size == 0) return -kEINVAL;
  if ((flags & kMapTypeMask) == kMapShared) return -kEOPNOTSUPP;
  if ((flags & kMapTypeMask) != kMapPrivate) return -kEINVAL;
  if ((options & kProtWrite) != 0 && (options & kProtExec) != 0) return -kEACCES;  // as PaX and SELinux refuse it
  return 0;
}

// Maps exactly at `start`.
Value map_fixed(AddressSpace& space, VirtAddr start, std::uint64_t size, Protection protection, bool may_replace) {
  const auto end = end_of(start, size);
  if (!end) return -kENOMEM;
  if (!start.is_aligned(kPageSize)) return -kEINVAL;
  if (start.raw() < kPageSize) return -kEPERM;
  VmaList& areas = space.memory().areas;
  const Vma* above = areas.find_from(start);
  const bool is_taken = above != nullptr && above->start < *end;
  if (is_taken && !may_replace) return -kEEXIST;
  if (is_taken && (!has_room(areas) || !clear(space, start, *end))) return -kENOMEM;
  if (!areas.insert({start, *end, protection, VmaKind::kAnonymous})) return -kENOMEM;
  return static_cast<Value>(start.raw());
}

// Maps at `hint` if that is free, else where there is room.
Value map_anywhere(AddressSpace& space, VirtAddr hint, std::uint64_t size, Protection protection) {
  VmaList& areas = space.memory().areas;
  const std::uint64_t rounded = round_up(size, kPageSize);
  if (rounded < size) return -kENOMEM;
  const VirtAddr wanted{round_down(hint.raw(), kPageSize)};
  auto start = areas.find_gap(layout::kUserMapStart, rounded);
  const bool is_free = wanted.raw() >= kPageSize && areas.find_gap(wanted, rounded) == wanted;
  if (is_free && !takes_guard(areas, wanted + rounded)) start = wanted;
  if (!start || !areas.insert({*start, *start + rounded, protection, VmaKind::kAnonymous})) return -kENOMEM;
  return static_cast<Value>(start->raw());
}

}  // namespace

Value system_brk(const Arguments6& arguments) {
  AddressSpace& space = *current().space;
  move_heap_end(space, VirtAddr{arguments[0]});
  return static_cast<Value>(space.memory().heap_end.raw());
}

Value system_mmap(const Arguments6& arguments) {
  const auto [hint, size, options, flags, file, offset] = arguments;
  if (!is_aligned(offset, kPageSize)) return -kEINVAL;
  if (const Value wrong = wrong_with_request(size, options, flags, static_cast<std::int32_t>(file))) return wrong;
  AddressSpace& space = *current().space;
  const Protection protection = protection_of(options);
  const bool may_not_replace = (flags & kMapFixedNoReplace) != 0;
  if ((flags & kMapFixed) == 0 && !may_not_replace) return map_anywhere(space, VirtAddr{hint}, size, protection);
  return map_fixed(space, VirtAddr{hint}, size, protection, !may_not_replace);
}

Value system_munmap(const Arguments6& arguments) {
  const VirtAddr start{arguments[0]};
  const auto end = end_of(start, arguments[1]);
  if (!start.is_aligned(kPageSize) || !end || *end == start) return -kEINVAL;
  return clear(*current().space, start, *end) ? 0 : -kENOMEM;
}

Value system_mprotect(const Arguments6& arguments) {
  const auto [address, size, options, unused_3, unused_4, unused_5] = arguments;
  const VirtAddr start{address};
  if (!start.is_aligned(kPageSize)) return -kEINVAL;
  if (size == 0) return 0;
  if ((options & ~(kProtRead | kProtWrite | kProtExec)) != 0) return -kEINVAL;
  const auto end = end_of(start, size);
  if (!end) return -kENOMEM;
  if ((options & kProtWrite) != 0 && (options & kProtExec) != 0) return -kEACCES;
  AddressSpace& space = *current().space;
  if (!space.memory().areas.protect(start, *end, protection_of(options))) return -kENOMEM;
  protect_pages(space, start, *end, protection_of(options));
  return 0;
}
