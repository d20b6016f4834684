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

}  // namespace

std::size_t VmaList::place_from(VirtAddr va) const {
  // @lab 5 begin: place_from
  //: The areas are sorted, and so are their ends: std::ranges::upper_bound() with the projection &Vma::end. An area
  //: that ends at `va` does not hold it.
  return static_cast<std::size_t>(std::ranges::upper_bound(all(), va, {}, &Vma::end) - all().begin());
  // @lab 5 end
}

const Vma* VmaList::find_from(VirtAddr va) const {
  const std::size_t place = place_from(va);
  return place < count_ ? &areas_[place] : nullptr;
}

const Vma* VmaList::find(VirtAddr va) const {
  // @lab 5 begin: find
  //: What find_from() gives may lie above `va`.
  const Vma* area = find_from(va);
  return area != nullptr && area->start <= va ? area : nullptr;
  // @lab 5 end
}

void VmaList::split(VirtAddr va) {
  // @lab 5 begin: split
  //: If `va` is inside an area and not its start, make room after that area, copy it there, and let the first end and
  //: the second start at `va`.
  const std::size_t place = place_from(va);
  if (place == count_ || areas_[place].start >= va) return;
  CHECK(count_ < areas_.size(), count_);
  std::copy_backward(areas_.begin() + place, areas_.begin() + count_, areas_.begin() + count_ + 1);
  ++count_;
  areas_[place].end = va;
  areas_[place + 1].start = va;
  // @lab 5 end
}

void VmaList::merge(VirtAddr va) {
  // @lab 5 begin: merge
  //: Find the area that starts at `va`, and look at the one before it. They are merged only if the one ends where the
  //: other starts and they do not differ in anything else.
  const std::size_t place = place_from(va);
  if (place == 0 || place == count_) return;
  Vma& below = areas_[place - 1];
  const Vma& above = areas_[place];
  const bool alike = below.protection == above.protection && below.kind == above.kind;
  if (below.end != va || above.start != va || !alike) return;
  below.end = above.end;
  std::copy(areas_.begin() + place + 1, areas_.begin() + count_, areas_.begin() + place);
  --count_;
  // @lab 5 end
}

Result<void> VmaList::insert(const Vma& area) {
  CHECK(is_range_of_pages(area.start, area.end), area.start.raw(), area.end.raw());
  // @lab 5 begin: insert
  //: Its place is before the first area that ends after its start. If that one starts before the new one's end, they
  //: overlap. Make room, put it there, and merge it with what it touches on either side. If there are more than kMost
  //: now, nothing was merged: take it out again.
  const std::size_t place = place_from(area.start);
  if (place < count_ && areas_[place].start < area.end) return std::unexpected(Error::kAlreadyMapped);
  std::copy_backward(areas_.begin() + place, areas_.begin() + count_, areas_.begin() + count_ + 1);
  ++count_;
  areas_[place] = area;
  merge(area.end);
  merge(area.start);
  if (count_ <= kMost) return {};
  std::copy(areas_.begin() + place + 1, areas_.begin() + count_, areas_.begin() + place);
  --count_;
  return std::unexpected(Error::kTooManyAreas);
  // @lab 5 end
}

Result<void> VmaList::remove(VirtAddr start, VirtAddr end) {
  CHECK(is_range_of_pages(start, end), start.raw(), end.raw());
  // @lab 5 begin: remove
  //: Split at both ends: then every area lies either in the range or outside it. Those in it go. If more than kMost would
  //: be left, merge what was split, and nothing has changed.
  split(start);
  split(end);
  const std::size_t first = place_from(start);
  std::size_t last = first;
  while (last < count_ && areas_[last].start < end) ++last;
  if (count_ - (last - first) > kMost) {
    merge(start);
    merge(end);
    return std::unexpected(Error::kTooManyAreas);
  }
  std::copy(areas_.begin() + last, areas_.begin() + count_, areas_.begin() + first);
  count_ -= last - first;
  return {};
  // @lab 5 end
}

Result<void> VmaList::protect(VirtAddr start, VirtAddr end, Protection protection) {
  CHECK(is_range_of_pages(start, end), start.raw(), end.raw());
  // @lab 5 begin: protect
  //: Look for gaps first: then nothing has to be undone. Split at both ends and change what lies between. What was
  //: changed may now be like its neighbours: merge at every border, from `start` to `end`.
  VirtAddr covered = start;
  while (covered < end) {
    const Vma* area = find(covered);
    if (area == nullptr) return std::unexpected(Error::kNoArea);
    covered = area->end;
  }
  split(start);
  split(end);
  if (count_ > kMost) {
    merge(start);
    merge(end);
    return std::unexpected(Error::kTooManyAreas);
  }
  for (VirtAddr at = start; at < end;) {
    Vma& area = areas_[place_from(at)];
    area.protection = protection;
    const VirtAddr begin = at;
    at = area.end;
    merge(begin);
  }
  merge(end);
  return {};
  // @lab 5 end
}

Result<VirtAddr> VmaList::find_gap(VirtAddr from, std::uint64_t size) const {
  // @lab 5 begin: find_gap
  //: Go through the areas that end after `from`. The gap before each begins where the last one ended. Compare sizes and
  //: not sums: `size` may be anything. After the last area the user half ends at layout::kUserEnd.
  for (const Vma& area : all().subspan(place_from(from))) {
    if (area.start > from && area.start - from >= size) return from;
    from = std::max(from, area.end);
  }
  if (from > layout::kUserEnd || layout::kUserEnd - from < size) return std::unexpected(Error::kNoMemory);
  return from;
  // @lab 5 end
}
