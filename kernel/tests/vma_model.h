// What a list of areas should hold, kept in the simplest way there is: what each page is promised, in a std::map. And
// short names for what the tests of the list are about.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "kernel/mm/vma.h"
#include "kernel/tests/machine_test.h"

using Areas = std::vector<Vma>;

inline constexpr Protection kNothing{}, kRead{.read = true}, kReadWrite{.read = true, .write = true},
    kReadExecute{.read = true, .execute = true};

inline constexpr VirtAddr kFirst{0x40'0000};

// Where page `number` of the tests begins. They name places by page numbers: area(3, 5) is pages 3 and 4.
constexpr VirtAddr at(std::uint64_t number) {
  return kFirst + number * kPageSize;
}

constexpr Vma area(std::uint64_t first, std::uint64_t end, Protection protection = kReadWrite,
                   VmaKind kind = VmaKind::kAnonymous) {
  return {at(first), at(end), protection, kind};
}

inline Areas areas_of(const VmaList& list) {
  return {list.all().begin(), list.all().end()};
}

// A list of these areas; the test fails if one is refused.
inline VmaList list_of(const Areas& areas) {
  VmaList list;
  for (const Vma& each : areas) EXPECT_EQ(outcome(list.insert(each)), "ok");
  return list;
}

// As many areas as there may be: page 0, page 2, page 4 and so on. Each free page is between two of them.
inline VmaList full_list() {
  VmaList list;
  for (std::size_t i = 0; i < VmaList::kMost; ++i) EXPECT_EQ(outcome(list.insert(area(2 * i, 2 * i + 1))), "ok");
  return list;
}

// How failed tests print an area: [0x400000, 0x402000) rw- kind 0.
inline void PrintTo(const Vma& area, std::ostream* out) {
  *out << "[" << testing::PrintToString(area.start) << ", " << testing::PrintToString(area.end) << ") "
       << (area.protection.read ? 'r' : '-') << (area.protection.write ? 'w' : '-')
       << (area.protection.execute ? 'x' : '-') << " kind " << static_cast<unsigned>(area.kind);
}

class VmaModel {
 public:
  bool has_page(VirtAddr start, VirtAddr end) const {
    const auto next = pages_.lower_bound(start);
    return next != pages_.end() && next->first < end;
  }

  bool has_all_pages(VirtAddr start, VirtAddr end) const {
    for (VirtAddr page = start; page < end; page = page + kPageSize) {
      if (!pages_.contains(page)) return false;
    }
    return true;
  }

  void insert(const Vma& area) {
    for (VirtAddr page = area.start; page < area.end; page = page + kPageSize) {
      pages_[page] = {page, page + kPageSize, area.protection, area.kind};
    }
  }

  void remove(VirtAddr start, VirtAddr end) { pages_.erase(pages_.lower_bound(start), pages_.lower_bound(end)); }

  // All pages must be there.
  void protect(VirtAddr start, VirtAddr end, Protection protection) {
    for (VirtAddr page = start; page < end; page = page + kPageSize) pages_.at(page).protection = protection;
  }

  // The areas that the pages make up: the only list that obeys all rules.
  Areas areas() const {
    Areas areas;
    for (const auto& [start, page] : pages_) {
      const bool goes_on = !areas.empty() && areas.back().end == start && areas.back().protection == page.protection &&
                           areas.back().kind == page.kind;
      if (goes_on) {
        areas.back().end = page.end;
      } else {
        areas.push_back(page);
      }
    }
    return areas;
  }

  // The lowest page from `from` on with which `count` free pages begin.
  VirtAddr find_gap(VirtAddr from, std::uint64_t count) const {
    while (has_page(from, from + count * kPageSize)) from = from + kPageSize;
    return from;
  }

 private:
  std::map<VirtAddr, Vma> pages_;
};
