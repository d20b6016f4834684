// What a list of areas should hold, kept in the simplest way there is: what each page is promised, as a letter of a
// string. And short names for what the tests of the list are about.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

#include "kernel/space/vma.h"
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

// What each page is promised, as one letter; pages are counted from kFirst on.
class VmaModel {
 public:
  explicit VmaModel(std::uint64_t pages) : pages_(pages, kFree) {}

  bool has_page(VirtAddr start, VirtAddr end) const {
    return pages_.find_first_not_of(kFree, number(start)) < number(end);
  }
  bool has_all_pages(VirtAddr start, VirtAddr end) const { return pages_.find(kFree, number(start)) >= number(end); }

  void insert(const Vma& area) { fill(area.start, area.end, letter(area.protection, area.kind)); }
  void remove(VirtAddr start, VirtAddr end) { fill(start, end, kFree); }

  // All pages must be there.
  void protect(VirtAddr start, VirtAddr end, Protection protection) {
    for (std::size_t page = number(start); page < number(end); ++page) {
      pages_[page] = letter(protection, kind_of(pages_[page]));
    }
  }

  // The areas that the pages make up: the only list that obeys all rules.
  Areas areas() const {
    Areas areas;
    for (std::size_t first = 0; (first = pages_.find_first_not_of(kFree, first)) != std::string::npos;) {
      const char promise = pages_[first];
      const std::size_t end = std::min(pages_.find_first_not_of(promise, first), pages_.size());
      areas.push_back(area(first, end, protection_of(promise), kind_of(promise)));
      first = end;
    }
    return areas;
  }

  // The lowest page from `from` on with which `count` free pages begin. After the last page all are free.
  VirtAddr find_gap(VirtAddr from, std::uint64_t count) const {
    return at((pages_ + std::string(count, kFree)).find(std::string(count, kFree), number(from)));
  }

 private:
  static constexpr char kFree = '.', kPromised = '@';

  static std::size_t number(VirtAddr va) { return (va - kFirst) / kPageSize; }

  static char letter(Protection protection, VmaKind kind) {
    const int bits = protection.read | protection.write << 1 | protection.execute << 2;
    return static_cast<char>(kPromised + bits + (static_cast<int>(kind) << 3));
  }
  static Protection protection_of(char letter) {
    const int bits = letter - kPromised;
    return {.read = (bits & 1) != 0, .write = (bits & 2) != 0, .execute = (bits & 4) != 0};
  }
  static VmaKind kind_of(char letter) { return static_cast<VmaKind>((letter - kPromised) >> 3); }

  void fill(VirtAddr start, VirtAddr end, char promise) {
    const std::size_t count = number(end) - number(start);
    pages_.replace(number(start), count, count, promise);
  }

  std::string pages_;
};
