// Lab 5. The list of a process's areas. You own this file.
#include "kernel/space/vma.h"

#include <algorithm>

#include "kernel/base/check.h"
#include "kernel/space/user_layout.h"

namespace {

bool is_range_of_pages(VirtAddr start, VirtAddr end) {
  return start < end && start.is_aligned(kPageSize) && end.is_aligned(kPageSize);
}

// Whether they would be one area if they touched.
bool are_alike(const Vma& one, const Vma& other) {
  return one.protection == other.protection && one.kind == other.kind;
}

}  // namespace

std::size_t VmaList::place_from(VirtAddr va) const {
  // They are sorted, so those that end at or before `va` are the first ones.
  return static_cast<std::size_t>(std::ranges::count_if(all(), [va](const Vma& area) { return area.end <= va; }));
}

const Vma* VmaList::find_from(VirtAddr va) const {
  const std::size_t place = place_from(va);
  return place < count_ ? &areas_[place] : nullptr;
}

const Vma* VmaList::find(VirtAddr va) const {
  const Vma* area = find_from(va);
  return area == nullptr || va < area->start ? nullptr : area;
}

void VmaList::split(VirtAddr va) {
  const std::size_t place = place_from(va);
  if (place == count_ || areas_[place].start >= va) return;
  std::copy_backward(areas_.begin() + place, areas_.begin() + count_, areas_.begin() + count_ + 1);
  ++count_;
  areas_[place].end = va;
  areas_[place + 1].start = va;
}

void VmaList::merge(VirtAddr va) {
  const std::size_t place = place_from(va);
  if (place == 0 || place == count_ || areas_[place].start != va) return;
  Vma& below = areas_[place - 1];
  if (below.end != va || !are_alike(below, areas_[place])) return;
  below.end = areas_[place].end;
  std::copy(areas_.begin() + place + 1, areas_.begin() + count_, areas_.begin() + place);
  --count_;
}

Result<void> VmaList::insert(const Vma& area) {
  CHECK(is_range_of_pages(area.start, area.end), area.start.raw(), area.end.raw());
  const std::size_t place = place_from(area.start);
  if (place < count_ && areas_[place].start < area.end) return std::unexpected(Error::kAlreadyMapped);
  // Where it is like a neighbour that it touches, the neighbour grows instead.
  if (place > 0 && areas_[place - 1].end == area.start && are_alike(areas_[place - 1], area)) {
    areas_[place - 1].end = area.end;
    merge(area.end);
  } else if (place < count_ && areas_[place].start == area.end && are_alike(areas_[place], area)) {
    areas_[place].start = area.start;
  } else {
    if (count_ >= kMost) return std::unexpected(Error::kTooManyAreas);
    const Vma copy = area;
    std::copy_backward(areas_.begin() + place, areas_.begin() + count_, areas_.begin() + count_ + 1);
    areas_[place] = copy;
    ++count_;
  }
  return {};
}

Result<void> VmaList::remove(VirtAddr start, VirtAddr end) {
  CHECK(is_range_of_pages(start, end), start.raw(), end.raw());
  std::size_t first = place_from(start);
  const bool is_cut = first < count_ && areas_[first].start < start;
  if (is_cut && areas_[first].end > end) {
    // A hole in one area: the only case in which there is one area more afterwards.
    if (count_ >= kMost) return std::unexpected(Error::kTooManyAreas);
    split(end);
  }
  if (is_cut) areas_[first++].end = start;
  std::size_t last = first;
  while (last < count_ && areas_[last].end <= end) ++last;
  if (last < count_) areas_[last].start = std::max(areas_[last].start, end);
  std::copy(areas_.begin() + last, areas_.begin() + count_, areas_.begin() + first);
  count_ -= last - first;
  return {};
}

Result<void> VmaList::protect(VirtAddr start, VirtAddr end, Protection protection) {
  CHECK(is_range_of_pages(start, end), start.raw(), end.raw());
  for (VirtAddr at = start; at < end;) {
    const Vma* area = find(at);
    if (area == nullptr) return std::unexpected(Error::kNoArea);
    at = area->end;
  }
  split(start);
  split(end);
  const std::size_t first = place_from(start), behind = place_from(end);
  // What two neighbours will be like once those from `first` to `behind` are changed, without changing any.
  const auto after = [&](std::size_t place) {
    Vma area = areas_[place];
    if (place >= first && place < behind) area.protection = protection;
    return area;
  };
  std::size_t merged = 0;
  for (std::size_t place = std::max<std::size_t>(first, 1); place <= behind && place < count_; ++place) {
    const Vma below = after(place - 1), above = after(place);
    if (below.end == above.start && are_alike(below, above)) ++merged;
  }
  if (count_ - merged > kMost) {
    merge(end);
    merge(start);
    return std::unexpected(Error::kTooManyAreas);
  }
  for (std::size_t place = first; place < behind; ++place) areas_[place].protection = protection;
  // From the last border to the first, so that the places below stay what they are.
  merge(end);
  for (std::size_t place = behind; place-- > first;) merge(areas_[place].start);
  return {};
}

Result<VirtAddr> VmaList::find_gap(VirtAddr from, std::uint64_t size) const {
  VirtAddr at = from;
  for (const Vma& area : all().subspan(place_from(from))) {
    if (at <= area.start && area.start - at >= size) return at;
    at = area.end;
  }
  if (at <= layout::kUserEnd && layout::kUserEnd - at >= size) return at;
  return std::unexpected(Error::kNoMemory);
}
