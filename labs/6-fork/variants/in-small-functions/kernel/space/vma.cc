// Lab 5. The list of a process's areas. You own this file.
#include "kernel/space/vma.h"

#include <algorithm>

#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/space/user_layout.h"

namespace {

bool is_range_of_pages(VirtAddr start, VirtAddr end) {
  return start < end && start.is_aligned(kPageSize) && end.is_aligned(kPageSize);
}

bool overlaps(const Vma* area, VirtAddr end) {
  return area != nullptr && area->start < end;
}

// Whether the two are one area: they touch, and are alike in all else.
bool are_one(const Vma& low, const Vma& high) {
  return low.end == high.start && low.protection == high.protection && low.kind == high.kind;
}

}  // namespace

std::size_t VmaList::place_from(VirtAddr va) const {
  return std::ranges::upper_bound(all(), va, {}, &Vma::end) - all().begin();
}

const Vma* VmaList::find_from(VirtAddr va) const {
  const std::size_t place = place_from(va);
  return place < count_ ? &areas_[place] : nullptr;
}

const Vma* VmaList::find(VirtAddr va) const {
  const Vma* const area = find_from(va);
  return area != nullptr && area->start <= va ? area : nullptr;
}

void VmaList::split(VirtAddr va) {
  const auto area = areas_.begin() + place_from(va);
  const auto end = areas_.begin() + count_;
  if (area == end || area->start >= va) return;
  std::copy_backward(area, end, end + 1);
  area[0].end = va;
  area[1].start = va;
  ++count_;
}

void VmaList::merge(VirtAddr va) {
  const std::size_t place = place_from(va);
  if (place == 0 || place == count_ || areas_[place].start != va) return;
  const auto area = areas_.begin() + place;
  if (!are_one(area[-1], area[0])) return;
  area[-1].end = area->end;
  std::copy(area + 1, areas_.begin() + count_, area);
  --count_;
}

Result<void> VmaList::insert(const Vma& area) {
  CHECK(is_range_of_pages(area.start, area.end), area.start.raw(), area.end.raw());
  const std::size_t place = place_from(area.start);
  if (overlaps(find_from(area.start), area.end)) return std::unexpected(Error::kAlreadyMapped);
  const bool joins_low = place > 0 && are_one(areas_[place - 1], area);
  const bool joins_high = place < count_ && are_one(area, areas_[place]);
  if (count_ == kMost && !joins_low && !joins_high) return std::unexpected(Error::kTooManyAreas);

  const Vma added = area;  // `area` may be one of this list
  const auto end = areas_.begin() + count_++;
  std::copy_backward(areas_.begin() + place, end, end + 1);
  areas_[place] = added;
  merge(added.end);
  merge(added.start);
  return {};
}

Result<void> VmaList::remove(VirtAddr start, VirtAddr end) {
  CHECK(is_range_of_pages(start, end), start.raw(), end.raw());
  // Only a hole inside of one area makes the list longer.
  const Vma* const area = find(start);
  const bool is_hole = area != nullptr && area->start < start && end < area->end;
  if (is_hole && count_ == kMost) return std::unexpected(Error::kTooManyAreas);

  split(start);
  split(end);
  const auto first = areas_.begin() + place_from(start);
  const auto last = std::partition_point(first, areas_.begin() + count_, [&](const Vma& it) { return it.start < end; });
  count_ = std::copy(last, areas_.begin() + count_, first) - areas_.begin();
  return {};
}

Result<void> VmaList::protect(VirtAddr start, VirtAddr end, Protection protection) {
  CHECK(is_range_of_pages(start, end), start.raw(), end.raw());
  for (VirtAddr va = start; va < end;) {
    const Vma* const area = find(va);
    if (area == nullptr) return std::unexpected(Error::kNoArea);
    va = area->end;
  }

  VmaList changed = *this;
  changed.split(start);
  changed.split(end);
  const std::size_t first = changed.place_from(start);
  const std::size_t last = changed.place_from(end);
  for (Vma& area : std::span(changed.areas_).subspan(first, last - first)) area.protection = protection;
  // From the top down: what is merged moves only places that are done.
  for (std::size_t place = last + 1; place-- > first;) {
    if (place < changed.count_) changed.merge(changed.areas_[place].start);
  }
  if (changed.count_ > kMost) return std::unexpected(Error::kTooManyAreas);
  *this = changed;
  return {};
}

Result<VirtAddr> VmaList::find_gap(VirtAddr from, std::uint64_t size) const {
  const auto holds = [&](VirtAddr start, VirtAddr end) { return start <= end && size <= end - start; };
  VirtAddr gap = from;
  for (const Vma& area : all().subspan(place_from(from))) {
    if (holds(gap, area.start)) return gap;
    gap = area.end;
  }
  if (!holds(gap, layout::kUserEnd)) return std::unexpected(Error::kNoMemory);
  return gap;
}
