// Lab 5. The list of areas: each rule of vma.h by itself, on both sides of each border. The order counts: what others
// rest on comes first, and this file before the random tests (by its name). Of what is not written yet, and of what
// fails, the grader names the first.
#include "kernel/space/vma.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "kernel/base/check.h"
#include "kernel/space/user_layout.h"
#include "kernel/tests/vma_model.h"

namespace {

constexpr VirtAddr kLastAddress{~std::uint64_t{0}};

// "nothing", or where what was found begins.
std::string found(const Vma* area) {
  return area == nullptr ? "nothing" : testing::PrintToString(area->start);
}

std::string found(const Result<VirtAddr>& gap) {
  return gap ? testing::PrintToString(*gap) : std::string(name(gap.error()));
}

std::string place(std::uint64_t page) {
  return testing::PrintToString(at(page));
}

// --- one area, and two ---------------------------------------------------------------------------------------------

TEST(Vma, AnEmptyListHoldsNothing) {
  const VmaList list;
  for (const VirtAddr va : {VirtAddr{0}, kFirst, layout::kUserEnd, kLastAddress}) {
    EXPECT_EQ(found(list.find_from(va)), "nothing");
    EXPECT_EQ(found(list.find(va)), "nothing");
  }
  EXPECT_EQ(areas_of(list), Areas{});
}

TEST(Vma, KeepsAllThatAnAreaSays) {
  for (const VmaKind kind : {VmaKind::kAnonymous, VmaKind::kImage, VmaKind::kHeap, VmaKind::kStack, VmaKind::kThread}) {
    for (const Protection protection : {kNothing, kRead, kReadWrite, kReadExecute}) {
      const Areas areas{area(1, 3, protection, kind)};
      EXPECT_EQ(areas_of(list_of(areas)), areas);
    }
  }
}

TEST(Vma, AnAreaHoldsItsStartAndNotItsEnd) {
  const VmaList list = list_of({area(2, 4)});
  EXPECT_EQ(found(list.find(at(2) - 1)), "nothing");
  EXPECT_EQ(found(list.find(at(2))), place(2));
  EXPECT_EQ(found(list.find(at(3))), place(2));
  EXPECT_EQ(found(list.find(at(4) - 1)), place(2));
  EXPECT_EQ(found(list.find(at(4))), "nothing");
  EXPECT_EQ(*list.find(at(3)), area(2, 4));
}

TEST(Vma, NothingIsMergedAcrossAGap) {
  const Areas areas{area(1, 2), area(3, 4), area(5, 6)};
  EXPECT_EQ(areas_of(list_of(areas)), areas);
}

TEST(Vma, KeepsAreasSortedWhateverTheOrderTheyCameIn) {
  Areas areas{area(1, 2), area(3, 4), area(5, 7), area(9, 10)};
  const Areas sorted = areas;
  const auto by_start = [](const Vma& a, const Vma& b) { return a.start < b.start; };
  do {
    EXPECT_EQ(areas_of(list_of(areas)), sorted);
  } while (std::next_permutation(areas.begin(), areas.end(), by_start));
}

TEST(Vma, TouchingIsNoOverlap) {
  VmaList list = list_of({area(4, 8), area(12, 16)});
  for (const Vma& each : {area(8, 9), area(3, 4), area(11, 12), area(9, 11)}) {
    EXPECT_EQ(outcome(list.insert(each)), "ok") << testing::PrintToString(each);
  }
}

// Each bit of the protection, and each kind, is reason enough not to merge.
TEST(Vma, NothingUnlikeIsMerged) {
  constexpr Protection kAll{.read = true, .write = true, .execute = true};
  const Areas pairs[] = {{area(1, 2, kNothing), area(2, 3, kRead)},
                         {area(1, 2, kRead), area(2, 3, kReadWrite)},
                         {area(1, 2, kRead), area(2, 3, kReadExecute)},
                         {area(1, 2, kReadWrite), area(2, 3, kAll)},
                         {area(1, 2, kReadExecute), area(2, 3, kAll)},
                         {area(1, 2, kReadWrite), area(2, 3, kReadWrite, VmaKind::kHeap)},
                         {area(1, 2, kReadWrite, VmaKind::kHeap), area(2, 3, kReadWrite, VmaKind::kStack)},
                         {area(1, 2, kReadWrite, VmaKind::kImage), area(2, 3, kReadWrite, VmaKind::kThread)}};
  for (const Areas& pair : pairs) {
    EXPECT_EQ(areas_of(list_of({pair[0], pair[1]})), pair) << "added from below to above";
    EXPECT_EQ(areas_of(list_of({pair[1], pair[0]})), pair) << "added from above to below";
  }
}

// --- finding -------------------------------------------------------------------------------------------------------

TEST(Vma, WhereTwoAreasTouchTheUpperOneBegins) {
  const VmaList list = list_of({area(2, 4), area(4, 6, kRead)});
  EXPECT_EQ(found(list.find(at(4) - 1)), place(2));
  EXPECT_EQ(found(list.find(at(4))), place(4));
  EXPECT_EQ(found(list.find_from(at(4) - 1)), place(2));
  EXPECT_EQ(found(list.find_from(at(4))), place(4));
}

TEST(Vma, FindFromGivesTheAreaThatHoldsTheAddressOrTheNextAbove) {
  const VmaList list = list_of({area(2, 4), area(6, 8)});
  EXPECT_EQ(found(list.find_from(VirtAddr{0})), place(2));
  EXPECT_EQ(found(list.find_from(at(2) - 1)), place(2));
  EXPECT_EQ(found(list.find_from(at(2))), place(2));
  EXPECT_EQ(found(list.find_from(at(4) - 1)), place(2));
  EXPECT_EQ(found(list.find_from(at(4))), place(6));
  EXPECT_EQ(found(list.find_from(at(8) - 1)), place(6));
  EXPECT_EQ(found(list.find_from(at(8))), "nothing");
  EXPECT_EQ(found(list.find_from(kLastAddress)), "nothing");
}

TEST(Vma, FindsTheRightOneOfMany) {
  VmaList list;
  for (std::uint64_t i = 0; i < 50; ++i) ASSERT_EQ(outcome(list.insert(area(2 * i, 2 * i + 1))), "ok");
  for (std::uint64_t i = 0; i < 50; ++i) {
    EXPECT_EQ(found(list.find(at(2 * i) + 0x800)), place(2 * i));
    EXPECT_EQ(found(list.find(at(2 * i + 1) + 0x800)), "nothing");
  }
}

// --- adding --------------------------------------------------------------------------------------------------------

TEST(Vma, OverlapIsRefusedAndChangesNothing) {
  VmaList list = list_of({area(4, 8), area(12, 16)});
  const Areas before = areas_of(list);
  // The same; the first page, the last, one inside; around it; across its start and its end; both areas; the gap and
  // one page more at either side.
  const Areas overlapping{area(4, 8),  area(4, 5),  area(7, 8),  area(5, 6),  area(3, 9),   area(2, 5),
                          area(7, 10), area(3, 17), area(8, 13), area(7, 12), area(15, 18), area(0, 20)};
  for (const Vma& each : overlapping) {
    EXPECT_EQ(outcome(list.insert(each)), "already-mapped") << testing::PrintToString(each);
    EXPECT_EQ(areas_of(list), before);
  }
}

TEST(Vma, AreasThatTouchKeepTheirOrder) {
  VmaList list = list_of({area(4, 8), area(12, 16)});
  for (const Vma& each : {area(8, 9, kRead), area(3, 4, kRead), area(11, 12, kRead), area(9, 11, kReadExecute)}) {
    EXPECT_EQ(outcome(list.insert(each)), "ok") << testing::PrintToString(each);
  }
  EXPECT_EQ(areas_of(list), (Areas{area(3, 4, kRead), area(4, 8), area(8, 9, kRead), area(9, 11, kReadExecute),
                                   area(11, 12, kRead), area(12, 16)}));
}

TEST(Vma, MergesWithTheAreaBelow) {
  EXPECT_EQ(areas_of(list_of({area(1, 2), area(4, 6), area(6, 7)})), (Areas{area(1, 2), area(4, 7)}));
}

TEST(Vma, MergesWithTheAreaAbove) {
  EXPECT_EQ(areas_of(list_of({area(4, 6), area(8, 9), area(3, 4)})), (Areas{area(3, 6), area(8, 9)}));
}

TEST(Vma, MergesOnBothSides) {
  EXPECT_EQ(areas_of(list_of({area(1, 2, kRead), area(4, 6), area(8, 9), area(11, 12), area(6, 8)})),
            (Areas{area(1, 2, kRead), area(4, 9), area(11, 12)}));
}

TEST(Vma, MergesWithTheAlikeSideOnly) {
  EXPECT_EQ(areas_of(list_of({area(4, 6), area(8, 9, kRead), area(6, 8)})), (Areas{area(4, 8), area(8, 9, kRead)}));
  EXPECT_EQ(areas_of(list_of({area(4, 6, kRead), area(8, 9), area(6, 8)})), (Areas{area(4, 6, kRead), area(6, 9)}));
}

TEST(Vma, PagesAddedOneByOneMergeIntoOneArea) {
  VmaList up, down;
  for (std::uint64_t page = 0; page < 2 * VmaList::kMost; ++page) {
    EXPECT_EQ(outcome(up.insert(area(page, page + 1))), "ok");
    EXPECT_EQ(outcome(down.insert(area(2 * VmaList::kMost - 1 - page, 2 * VmaList::kMost - page))), "ok");
  }
  EXPECT_EQ(areas_of(up), Areas{area(0, 2 * VmaList::kMost)});
  EXPECT_EQ(areas_of(down), areas_of(up));
}

// --- taking away ---------------------------------------------------------------------------------------------------

TEST(Vma, RemoveOfWhatIsNotThereChangesNothing) {
  VmaList list = list_of({area(4, 6), area(8, 10)});
  for (const Vma& range : {area(0, 4), area(6, 8), area(6, 7), area(10, 20)}) {
    EXPECT_EQ(outcome(list.remove(range.start, range.end)), "ok");
    EXPECT_EQ(areas_of(list), (Areas{area(4, 6), area(8, 10)})) << testing::PrintToString(range);
  }
  VmaList empty;
  EXPECT_EQ(outcome(empty.remove(at(0), at(9))), "ok");
  EXPECT_EQ(areas_of(empty), Areas{});
}

// What is left of one area of pages 4 to 9 between two others, when `range` is removed.
Areas left_after_remove(const Vma& range) {
  VmaList list = list_of({area(1, 2), area(4, 10, kRead, VmaKind::kHeap), area(12, 13)});
  EXPECT_EQ(outcome(list.remove(range.start, range.end)), "ok");
  const Areas all = areas_of(list);
  EXPECT_GE(all.size(), 2u);
  EXPECT_EQ(all.front(), area(1, 2)) << "the neighbour below stays";
  EXPECT_EQ(all.back(), area(12, 13)) << "the neighbour above stays";
  return {all.begin() + 1, all.end() - 1};
}

TEST(Vma, RemoveOfAWholeAreaLeavesItsNeighbours) {
  EXPECT_EQ(left_after_remove(area(4, 10)), Areas{});
  EXPECT_EQ(left_after_remove(area(3, 11)), Areas{});
  EXPECT_EQ(left_after_remove(area(2, 12)), Areas{}) << "from border to border of the neighbours";
}

TEST(Vma, RemoveAtTheStartLeavesTheRest) {
  EXPECT_EQ(left_after_remove(area(4, 5)), Areas{area(5, 10, kRead, VmaKind::kHeap)});
  EXPECT_EQ(left_after_remove(area(3, 9)), Areas{area(9, 10, kRead, VmaKind::kHeap)});
}

TEST(Vma, RemoveAtTheEndLeavesTheRest) {
  EXPECT_EQ(left_after_remove(area(9, 10)), Areas{area(4, 9, kRead, VmaKind::kHeap)});
  EXPECT_EQ(left_after_remove(area(5, 11)), Areas{area(4, 5, kRead, VmaKind::kHeap)});
}

TEST(Vma, RemoveInTheMiddleSplitsInTwo) {
  EXPECT_EQ(left_after_remove(area(6, 8)),
            (Areas{area(4, 6, kRead, VmaKind::kHeap), area(8, 10, kRead, VmaKind::kHeap)}));
  EXPECT_EQ(left_after_remove(area(5, 9)),
            (Areas{area(4, 5, kRead, VmaKind::kHeap), area(9, 10, kRead, VmaKind::kHeap)}));
}

TEST(Vma, RemoveAcrossAreasSplitsTheFirstAndTheLast) {
  VmaList list = list_of(
      {area(0, 1), area(2, 5, kRead), area(5, 6), area(8, 9, kReadExecute), area(9, 12, kNothing), area(14, 15)});
  EXPECT_EQ(outcome(list.remove(at(3), at(10))), "ok");
  EXPECT_EQ(areas_of(list), (Areas{area(0, 1), area(2, 3, kRead), area(10, 12, kNothing), area(14, 15)}));
}

TEST(Vma, RemoveOfEverythingLeavesAnEmptyList) {
  VmaList list = list_of({area(0, 1), area(2, 3), area(4, 6), area(6, 7, kRead)});
  EXPECT_EQ(outcome(list.remove(at(0), at(7))), "ok");
  EXPECT_EQ(areas_of(list), Areas{});
  EXPECT_EQ(found(list.find(at(0))), "nothing");
  EXPECT_EQ(outcome(list.insert(area(0, 1))), "ok");
}

TEST(Vma, WhatWasRemovedAndAddedAgainIsMerged) {
  VmaList list = list_of({area(4, 10)});
  ASSERT_EQ(outcome(list.remove(at(6), at(8))), "ok");
  ASSERT_EQ(outcome(list.insert(area(6, 8))), "ok");
  EXPECT_EQ(areas_of(list), Areas{area(4, 10)});
}

// --- other protections ---------------------------------------------------------------------------------------------

TEST(Vma, ProtectOfAWholeAreaKeepsItsKind) {
  VmaList list = list_of({area(1, 2), area(4, 6, kReadWrite, VmaKind::kImage), area(8, 9)});
  EXPECT_EQ(outcome(list.protect(at(4), at(6), kRead)), "ok");
  EXPECT_EQ(areas_of(list), (Areas{area(1, 2), area(4, 6, kRead, VmaKind::kImage), area(8, 9)}));
}

TEST(Vma, ProtectOfAPartSplits) {
  const Areas one{area(4, 10)};
  VmaList list = list_of(one);
  EXPECT_EQ(outcome(list.protect(at(6), at(8), kRead)), "ok");
  EXPECT_EQ(areas_of(list), (Areas{area(4, 6), area(6, 8, kRead), area(8, 10)}));

  list = list_of(one);
  EXPECT_EQ(outcome(list.protect(at(4), at(5), kRead)), "ok");
  EXPECT_EQ(areas_of(list), (Areas{area(4, 5, kRead), area(5, 10)}));

  list = list_of(one);
  EXPECT_EQ(outcome(list.protect(at(9), at(10), kRead)), "ok");
  EXPECT_EQ(areas_of(list), (Areas{area(4, 9), area(9, 10, kRead)}));
}

TEST(Vma, ProtectGivesNothingToo) {
  VmaList list = list_of({area(4, 6)});
  EXPECT_EQ(outcome(list.protect(at(4), at(5), kNothing)), "ok");
  EXPECT_EQ(areas_of(list), (Areas{area(4, 5, kNothing), area(5, 6)})) << "the pages are still the process's";
}

TEST(Vma, ProtectBackAgainMerges) {
  for (const Vma& range : {area(4, 5), area(6, 8), area(9, 10), area(4, 10)}) {
    VmaList list = list_of({area(4, 10)});
    ASSERT_EQ(outcome(list.protect(range.start, range.end, kRead)), "ok");
    EXPECT_EQ(outcome(list.protect(range.start, range.end, kReadWrite)), "ok");
    EXPECT_EQ(areas_of(list), Areas{area(4, 10)}) << testing::PrintToString(range);
  }
}

TEST(Vma, ProtectWithTheSameChangesNothing) {
  VmaList list = list_of({area(4, 10), area(10, 11, kRead)});
  EXPECT_EQ(outcome(list.protect(at(6), at(8), kReadWrite)), "ok");
  EXPECT_EQ(outcome(list.protect(at(4), at(10), kReadWrite)), "ok");
  EXPECT_EQ(areas_of(list), (Areas{area(4, 10), area(10, 11, kRead)}));
}

TEST(Vma, ProtectAcrossAreas) {
  VmaList list = list_of({area(2, 5, kRead), area(5, 6), area(6, 8, kReadExecute), area(8, 12, kRead)});
  EXPECT_EQ(outcome(list.protect(at(3), at(9), kReadWrite)), "ok");
  EXPECT_EQ(areas_of(list), (Areas{area(2, 3, kRead), area(3, 9), area(9, 12, kRead)}));
  EXPECT_EQ(outcome(list.protect(at(3), at(9), kRead)), "ok");
  EXPECT_EQ(areas_of(list), Areas{area(2, 12, kRead)});
}

TEST(Vma, ProtectMergesOnlyWhatIsAlike) {
  const Vma heap = area(4, 6, kReadWrite, VmaKind::kHeap);
  VmaList list = list_of({area(2, 4, kRead), heap, area(6, 8, kRead)});
  EXPECT_EQ(outcome(list.protect(at(4), at(6), kRead)), "ok");
  EXPECT_EQ(areas_of(list), (Areas{area(2, 4, kRead), area(4, 6, kRead, VmaKind::kHeap), area(6, 8, kRead)}));
}

TEST(Vma, ProtectAcrossAGapChangesNothing) {
  VmaList list = list_of({area(2, 5, kRead), area(5, 6), area(7, 9), area(9, 10, kReadExecute)});
  const Areas before = areas_of(list);
  // A gap in the middle, at the start, at the end; nothing but a gap; far away.
  for (const Vma& range : {area(3, 8), area(1, 3), area(9, 11), area(8, 12), area(6, 7), area(6, 8), area(5, 7),
                           area(0, 1), area(10, 11), area(0, 12)}) {
    EXPECT_EQ(outcome(list.protect(range.start, range.end, kNothing)), "no-area") << testing::PrintToString(range);
    EXPECT_EQ(areas_of(list), before) << testing::PrintToString(range);
  }
}

// --- a full list ---------------------------------------------------------------------------------------------------

TEST(VmaFull, HoldsTheMostAreasAndNotOneMore) {
  VmaList list = full_list();
  const Areas before = areas_of(list);
  ASSERT_EQ(before.size(), VmaList::kMost);
  EXPECT_EQ(outcome(list.insert(area(2 * VmaList::kMost, 2 * VmaList::kMost + 1))), "too-many-areas");
  EXPECT_EQ(outcome(list.insert({kFirst - 2 * kPageSize, kFirst - kPageSize, kRead})), "too-many-areas");
  EXPECT_EQ(areas_of(list), before);
}

TEST(VmaFull, TakesWhatMergesAndSoIsNoAreaMore) {
  const std::uint64_t end = 2 * VmaList::kMost;
  VmaList below = full_list(), above = full_list(), both = full_list();
  EXPECT_EQ(outcome(below.insert(area(end - 1, end + 3))), "ok");
  EXPECT_EQ(below.all().back(), area(end - 2, end + 3));
  EXPECT_EQ(outcome(above.insert({kFirst - kPageSize, kFirst, kReadWrite})), "ok");
  EXPECT_EQ(above.all().front(), (Vma{kFirst - kPageSize, at(1), kReadWrite}));
  EXPECT_EQ(outcome(both.insert(area(5, 6))), "ok");
  EXPECT_EQ(both.all().size(), VmaList::kMost - 1);
}

TEST(VmaFull, AnOverlapIsRefusedAsSuch) {
  VmaList list = full_list();
  const Areas before = areas_of(list);
  EXPECT_EQ(outcome(list.insert(area(4, 5, kRead))), "already-mapped");
  EXPECT_EQ(areas_of(list), before);
}

TEST(VmaFull, WhatDoesNotMergeIsRefusedBetweenAreasToo) {
  VmaList list = full_list();
  const Areas before = areas_of(list);
  EXPECT_EQ(outcome(list.insert(area(5, 6, kRead))), "too-many-areas");
  EXPECT_EQ(areas_of(list), before);
}

TEST(VmaFull, TakesAnAreaAgainWhenOneHasGone) {
  VmaList list = full_list();
  ASSERT_EQ(outcome(list.remove(at(10), at(11))), "ok");
  EXPECT_EQ(outcome(list.insert(area(11, 12, kRead))), "ok");
  EXPECT_EQ(outcome(list.insert(area(9, 10, kReadExecute))), "too-many-areas");
}

// A list whose last area has `pages` pages.
VmaList full_list_with_last_area_of(std::uint64_t pages) {
  VmaList list = full_list();
  const std::uint64_t last = 2 * (VmaList::kMost - 1);
  EXPECT_EQ(outcome(list.remove(at(last), at(last + 1))), "ok");
  EXPECT_EQ(outcome(list.insert(area(last, last + pages))), "ok");
  EXPECT_EQ(list.all().size(), VmaList::kMost);
  return list;
}

TEST(VmaFull, RemoveThatSplitsIsRefusedAndChangesNothing) {
  VmaList list = full_list_with_last_area_of(3);
  const Areas before = areas_of(list);
  const std::uint64_t last = 2 * (VmaList::kMost - 1);
  EXPECT_EQ(outcome(list.remove(at(last + 1), at(last + 2))), "too-many-areas");
  EXPECT_EQ(areas_of(list), before);
}

TEST(VmaFull, RemoveThatLeavesNoMoreIsAccepted) {
  const std::uint64_t last = 2 * (VmaList::kMost - 1);
  VmaList start = full_list_with_last_area_of(3), end = start, whole = start, across = start;
  EXPECT_EQ(outcome(start.remove(at(last), at(last + 1))), "ok");
  EXPECT_EQ(start.all().back(), area(last + 1, last + 3));
  EXPECT_EQ(outcome(end.remove(at(last + 2), at(last + 3))), "ok");
  EXPECT_EQ(end.all().back(), area(last, last + 2));
  EXPECT_EQ(outcome(whole.remove(at(last), at(last + 3))), "ok");
  EXPECT_EQ(whole.all().size(), VmaList::kMost - 1);
  // Both ends are split, and the areas between them go: as many as before.
  EXPECT_EQ(outcome(across.remove(at(0), at(last + 1))), "ok");
  EXPECT_EQ(areas_of(across), Areas{area(last + 1, last + 3)});
}

// Wherever the splits fall: the list has room for two areas more than it may keep.
TEST(VmaFull, RemoveWithTwoSplitsIsAcceptedIfAnAreaGoes) {
  VmaList list = list_of({area(0, 3), area(4, 5), area(6, 9)});
  for (std::uint64_t i = 0; list.all().size() < VmaList::kMost; ++i) {
    ASSERT_EQ(outcome(list.insert(area(10 + 2 * i, 11 + 2 * i))), "ok");
  }
  EXPECT_EQ(outcome(list.remove(at(1), at(8))), "ok");
  EXPECT_EQ(list.all().size(), VmaList::kMost - 1);
  EXPECT_EQ(list.all()[0], area(0, 1));
  EXPECT_EQ(list.all()[1], area(8, 9));
  EXPECT_EQ(list.all()[2], area(10, 11));
}

TEST(VmaFull, ProtectThatSplitsIsRefusedAndChangesNothing) {
  VmaList list = full_list_with_last_area_of(3);
  const Areas before = areas_of(list);
  const std::uint64_t last = 2 * (VmaList::kMost - 1);
  for (const Vma& range : {area(last, last + 1), area(last + 1, last + 2), area(last + 2, last + 3)}) {
    EXPECT_EQ(outcome(list.protect(range.start, range.end, kRead)), "too-many-areas");
    EXPECT_EQ(areas_of(list), before) << testing::PrintToString(range);
  }
}

TEST(VmaFull, ProtectOfAWholeAreaIsAccepted) {
  VmaList list = full_list_with_last_area_of(3);
  const std::uint64_t last = 2 * (VmaList::kMost - 1);
  EXPECT_EQ(outcome(list.protect(at(last), at(last + 3), kRead)), "ok");
  EXPECT_EQ(list.all().back(), area(last, last + 3, kRead));
}

// With one place left, one split is possible, and two are not.
TEST(VmaFull, OneFreePlaceIsEnoughForOneSplit) {
  VmaList list = full_list_with_last_area_of(3);
  ASSERT_EQ(outcome(list.remove(at(0), at(1))), "ok");
  const Areas before = areas_of(list);
  const std::uint64_t last = 2 * (VmaList::kMost - 1);
  EXPECT_EQ(outcome(list.protect(at(last + 1), at(last + 2), kRead)), "too-many-areas");
  EXPECT_EQ(areas_of(list), before);
  EXPECT_EQ(outcome(list.protect(at(last + 1), at(last + 3), kRead)), "ok");
  EXPECT_EQ(list.all().size(), VmaList::kMost);
}

// --- room for more -------------------------------------------------------------------------------------------------

TEST(VmaGap, AnEmptyListHasRoomWhereOneAsks) {
  const VmaList list;
  EXPECT_EQ(found(list.find_gap(at(5), kPageSize)), place(5));
  EXPECT_EQ(found(list.find_gap(at(5), layout::kUserEnd - at(5))), place(5));
}

TEST(VmaGap, TheLowestGapThatIsLargeEnough) {
  const VmaList list = list_of({area(2, 4), area(5, 6), area(8, 9), area(12, 13)});
  EXPECT_EQ(found(list.find_gap(at(0), kPageSize)), place(0));
  EXPECT_EQ(found(list.find_gap(at(0), 2 * kPageSize)), place(0));
  EXPECT_EQ(found(list.find_gap(at(1), 2 * kPageSize)), place(6)) << "exactly two pages are free there";
  EXPECT_EQ(found(list.find_gap(at(1), 3 * kPageSize)), place(9));
  EXPECT_EQ(found(list.find_gap(at(1), 4 * kPageSize)), place(13)) << "after the last area";
}

TEST(VmaGap, BetweenAreasThatTouchIsNone) {
  const VmaList list = list_of({area(2, 4), area(4, 6, kRead), area(6, 7)});
  EXPECT_EQ(found(list.find_gap(at(2), kPageSize)), place(7));
}

TEST(VmaGap, FromInsideAnAreaItIsBehindThatArea) {
  const VmaList list = list_of({area(2, 6), area(8, 9)});
  for (const std::uint64_t from : {2, 3, 5, 6}) {
    EXPECT_EQ(found(list.find_gap(at(from), 2 * kPageSize)), place(6)) << from;
    EXPECT_EQ(found(list.find_gap(at(from), 3 * kPageSize)), place(9)) << from;
  }
}

TEST(VmaGap, FromTheMiddleOfAGapOnlyTheRestOfItCounts) {
  const VmaList list = list_of({area(0, 1), area(5, 6)});
  EXPECT_EQ(found(list.find_gap(at(2), 3 * kPageSize)), place(2));
  EXPECT_EQ(found(list.find_gap(at(3), 3 * kPageSize)), place(6));
}

TEST(VmaGap, EndsWithTheUserHalf) {
  const VirtAddr near_end = layout::kUserEnd - 4 * kPageSize;
  const VmaList list = list_of({{near_end, near_end + kPageSize, kRead}});
  EXPECT_EQ(found(list.find_gap(near_end, 3 * kPageSize)), testing::PrintToString(near_end + kPageSize));
  EXPECT_EQ(found(list.find_gap(near_end, 4 * kPageSize)), "no-memory");
  EXPECT_EQ(found(list.find_gap(layout::kUserEnd - kPageSize, kPageSize)),
            testing::PrintToString(layout::kUserEnd - kPageSize));
  EXPECT_EQ(found(list.find_gap(layout::kUserEnd, kPageSize)), "no-memory");
  EXPECT_EQ(found(list.find_gap(layout::kUserEnd + kPageSize, kPageSize)), "no-memory");
}

TEST(VmaGap, NothingIsLeftBehindAnAreaThatEndsWithTheUserHalf) {
  const VmaList list = list_of({{layout::kUserEnd - 2 * kPageSize, layout::kUserEnd, kRead}});
  EXPECT_EQ(found(list.find_gap(layout::kUserEnd - 2 * kPageSize, kPageSize)), "no-memory");
  EXPECT_EQ(found(list.find_gap(layout::kUserEnd - 3 * kPageSize, kPageSize)),
            testing::PrintToString(layout::kUserEnd - 3 * kPageSize));
}

// start + size wraps around to a small number, wherever the search is.
TEST(VmaGap, NoSizeIsTooLarge) {
  const VmaList list = list_of({area(2, 4), area(6, 8)});
  const std::uint64_t sizes[] = {0 - kPageSize,
                                 0 - kFirst.raw(),
                                 0 - at(8).raw(),
                                 0 - at(8).raw() + kPageSize,
                                 std::uint64_t{1} << 63,
                                 layout::kUserEnd.raw(),
                                 layout::kUserEnd - at(8) + kPageSize};
  for (const std::uint64_t size : sizes) {
    for (const VirtAddr from : {at(0), at(2), at(5), at(9)}) {
      EXPECT_EQ(found(list.find_gap(from, size)), "no-memory") << std::hex << size;
    }
  }
  EXPECT_EQ(found(list.find_gap(at(0), layout::kUserEnd - at(8))), place(8)) << "and this is exactly all there is";
}

// --- our own mistakes ----------------------------------------------------------------------------------------------

TEST(Vma, OnlyWholePagesArePermitted) {
  VmaList list = list_of({area(4, 8)});
  const Vma wrong[] = {{at(1), at(1), kRead},       {at(2), at(1), kRead},         {at(1) + 1, at(2), kRead},
                       {at(1), at(2) - 1, kRead},   {at(1) + 8, at(2) + 8, kRead}, {at(5), at(5), kRead},
                       {at(6), at(5), kRead},       {at(5) + 0x800, at(6), kRead}, {at(5), at(6) + 1, kRead},
                       {at(1), VirtAddr{0}, kRead}, {kLastAddress, at(1), kRead}};
  for (const Vma& each : wrong) {
    EXPECT_THROW(static_cast<void>(list.insert(each)), CheckFailed) << testing::PrintToString(each);
    EXPECT_THROW(static_cast<void>(list.remove(each.start, each.end)), CheckFailed) << testing::PrintToString(each);
    EXPECT_THROW(static_cast<void>(list.protect(each.start, each.end, kRead)), CheckFailed)
        << testing::PrintToString(each);
  }
  EXPECT_EQ(areas_of(list), Areas{area(4, 8)});
}

}  // namespace
