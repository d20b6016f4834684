// Lab 5. fault.cc: pages come as their areas promise, change and go with them, and nothing is lost when something
// fails.
#include "kernel/space/fault.h"

#include "kernel/space/memory_map.h"
#include "kernel/space/user_layout.h"
#include "kernel/tests/all_slots.h"
#include "kernel/tests/user_memory_test.h"

namespace {

constexpr VirtAddr kText{0x40'0000}, kHeap{0x80'0000}, kMapped{0x1'0000'0000};
constexpr VirtAddr kStackBottom = layout::kUserStackTop - 4 * kPageSize;
constexpr Protection kRead{.read = true}, kReadWrite{.read = true, .write = true}, kReadExecute{true, false, true};
constexpr std::string_view kFile = "the program's file";

// A process with the areas that a loader makes, under its own root: two pages of text, of whose second one the file has
// the beginning; three of heap; a stack; four that are mapped.
class FaultTest : public UserMemoryTest {
 protected:
  void SetUp() override {
    UserMemoryTest::SetUp();
    if (IsSkipped()) return;
    space_.emplace(AddressSpace::create_with_map().value());
    add({kText, kText + 2 * kPageSize, kReadExecute, VmaKind::kImage});
    add({kHeap, kHeap + 3 * kPageSize, kReadWrite, VmaKind::kHeap});
    add({kStackBottom, layout::kUserStackTop, kReadWrite, VmaKind::kStack});
    add({kMapped, kMapped + 4 * kPageSize, kRead, VmaKind::kAnonymous});
    space_->memory().file[0] = {kText + kPageSize, std::as_bytes(std::span(kFile))};
    loaded_.emplace(*space_);
  }

  void TearDown() override {
    loaded_.reset();
    space_.reset();
    UserMemoryTest::TearDown();
  }

  AddressSpace& space() { return *space_; }
  VmaList& areas() { return space_->memory().areas; }

  void add(const Vma& area) { ASSERT_EQ(outcome(space_->memory().areas.insert(area)), "ok"); }

  std::string_view touch(VirtAddr va, Access access = Access::kRead) {
    return outcome(resolve_fault(*space_, va, access));
  }

  PageFlags flags_at(VirtAddr va) {
    const auto page = mmu().user_page(va);
    return page ? page->flags : PageFlags{};
  }

  std::size_t pages() { return tree_of(hardware_of(Format::kX86_64), space_->root()).leaves.size() - kPagesOfKernel; }

 private:
  static constexpr std::size_t kPagesOfKernel = 2;
  std::optional<AddressSpace> space_;
  std::optional<Loaded> loaded_;
};

TEST_F(FaultTest, AMapNeedsTwoFrames) {
  EXPECT_EQ(fail_each_allocation([] { return outcome(AddressSpace::create_with_map()); }), 2u);
}

TEST_F(FaultTest, ATouchBringsOnePageOfZeros) {
  EXPECT_EQ(touch(kHeap + kPageSize + 5), "ok");
  EXPECT_EQ(pages(), 1u);
  EXPECT_EQ(read_user(kHeap + kPageSize, kPageSize), kZeros);
  EXPECT_GE(mmu().user_page(kHeap + kPageSize)->address, layout::kWindowEnd);
  EXPECT_EQ(flags_at(kHeap + kPageSize), (PageFlags{.write = true, .user = true}));
}

TEST_F(FaultTest, APageIsProtectedAsItsAreaIsAndNotAsItWasTouched) {
  EXPECT_EQ(touch(kHeap, Access::kRead), "ok");
  EXPECT_EQ(touch(kMapped), "ok");
  EXPECT_EQ(touch(kText, Access::kRead), "ok");
  EXPECT_EQ(touch(kStackBottom, Access::kWrite), "ok");
  EXPECT_EQ(flags_at(kHeap), flags_of(kReadWrite));
  EXPECT_EQ(flags_at(kMapped), flags_of(kRead));
  EXPECT_EQ(flags_at(kText), flags_of(kReadExecute));
  EXPECT_EQ(flags_at(kStackBottom), flags_of(kReadWrite));
}

TEST_F(FaultTest, APageOfTheProgramHasTheFilesBytesAndThenZeros) {
  EXPECT_EQ(touch(kText + kPageSize), "ok");
  const std::string page = std::string(kFile) + std::string(kPageSize - kFile.size(), '\0');
  EXPECT_EQ(read_user(kText + kPageSize, kPageSize), page);
  EXPECT_EQ(mmu().fetched(kText + kPageSize, kPageSize), page) << "instruction fetches see it";
  EXPECT_EQ(touch(kText), "ok");
  EXPECT_EQ(mmu().fetched(kText, kPageSize), kZeros) << "zeros as well";
}

TEST_F(FaultTest, AnAreaOfAnotherKindHasNothingOfTheFile) {
  space().memory().file[1] = {kHeap, std::as_bytes(std::span(kFile))};
  add({kMapped + 8 * kPageSize, kMapped + 9 * kPageSize, kReadExecute});
  EXPECT_EQ(touch(kHeap), "ok");
  EXPECT_EQ(read_user(kHeap, kPageSize), kZeros);
  EXPECT_EQ(touch(kMapped + 8 * kPageSize, Access::kExecute), "ok");
  EXPECT_EQ(mmu().fetched(kMapped + 8 * kPageSize, kPageSize), kZeros);
}

TEST_F(FaultTest, WhatNoAreaPromisesIsNoArea) {
  for (const VirtAddr va : {VirtAddr{0}, kText - 1, kText + 2 * kPageSize, kHeap + 3 * kPageSize, layout::kUserStackTop,
                            kMapped - 1, VirtAddr{0xffff'8000'0000'0000}}) {
    EXPECT_EQ(touch(va), "no-area") << va.raw();
  }
  EXPECT_EQ(pages(), 0u);
}

TEST_F(FaultTest, TheAreaSaysWhatIsPermitted) {
  add({kMapped + 8 * kPageSize, kMapped + 9 * kPageSize, {}});
  EXPECT_EQ(touch(kMapped, Access::kWrite), "not-permitted");
  EXPECT_EQ(touch(kHeap, Access::kExecute), "not-permitted");
  EXPECT_EQ(touch(kText, Access::kWrite), "not-permitted");
  EXPECT_EQ(touch(kMapped + 8 * kPageSize, Access::kRead), "not-permitted");
  EXPECT_EQ(pages(), 0u);
}

TEST_F(FaultTest, APageThatIsThereStays) {
  EXPECT_EQ(touch(kHeap), "ok");
  const PhysAddr frame = mmu().user_page(kHeap)->address;
  const std::uint64_t used = frames_used();
  EXPECT_EQ(touch(kHeap + 7), "already-mapped");
  EXPECT_EQ(mmu().user_page(kHeap)->address, frame);
  EXPECT_EQ(frames_used(), used);
}

// --- the stack -----------------------------------------------------------------------------------------------------

TEST_F(FaultTest, TheStackGrowsDownToThePageThatIsTouched) {
  EXPECT_EQ(touch(kStackBottom - 2 * kPageSize - 1, Access::kWrite), "ok");
  EXPECT_EQ(areas().find(layout::kUserStackTop - 1)->start, kStackBottom - 3 * kPageSize);
  EXPECT_EQ(pages(), 1u) << "what lies between comes when it is touched";
}

TEST_F(FaultTest, TheStackGrowsToItsLimitAndNoFurther) {
  EXPECT_EQ(touch(layout::kUserStackLimit - 1), "no-area");
  EXPECT_EQ(areas().find(layout::kUserStackTop - 1)->start, kStackBottom) << "refused, it has not grown";
  EXPECT_EQ(touch(layout::kUserStackLimit), "ok");
  EXPECT_EQ(areas().find(layout::kUserStackTop - 1)->start, layout::kUserStackLimit);
}

TEST_F(FaultTest, OnePageBelowTheStackStaysFree) {
  const VirtAddr below = kStackBottom - 3 * kPageSize;
  add({below - kPageSize, below, kReadWrite});
  EXPECT_EQ(touch(below), "no-area") << "it would touch the area below it";
  EXPECT_EQ(touch(below + kPageSize), "ok");
  EXPECT_EQ(areas().find(layout::kUserStackTop - 1)->start, below + kPageSize);
}

// --- ranges --------------------------------------------------------------------------------------------------------

TEST_F(FaultTest, ARangeBringsThePagesThatAreMissing) {
  EXPECT_EQ(touch(kHeap + kPageSize), "ok");
  const PhysAddr frame = mmu().user_page(kHeap + kPageSize)->address;
  EXPECT_EQ(outcome(resolve_range(space(), kHeap + kPageSize - 1, kPageSize + 2, Access::kWrite)), "ok");
  EXPECT_EQ(pages(), 3u);
  EXPECT_EQ(mmu().user_page(kHeap + kPageSize)->address, frame);
}

TEST_F(FaultTest, ARangeEndsWithThePageOfItsLastByte) {
  EXPECT_EQ(outcome(resolve_range(space(), kHeap + 1, kPageSize - 1, Access::kWrite)), "ok");
  EXPECT_EQ(pages(), 1u);
  EXPECT_EQ(outcome(resolve_range(space(), kHeap + kPageSize, 0, Access::kWrite)), "ok");
  EXPECT_EQ(pages(), 1u);
}

TEST_F(FaultTest, ARangeStopsAtTheFirstError) {
  const VirtAddr last = kHeap + 2 * kPageSize;
  EXPECT_EQ(outcome(resolve_range(space(), last, kPageSize + 1, Access::kWrite)), "no-area");
  EXPECT_EQ(pages(), 1u) << "the one before it";
  EXPECT_EQ(outcome(resolve_range(space(), kMapped, 2 * kPageSize, Access::kWrite)), "not-permitted");
  EXPECT_EQ(pages(), 1u);
}

// --- other protection, and no page at all --------------------------------------------------------------------------

TEST_F(FaultTest, PagesThatAreThereGetTheNewProtection) {
  for (unsigned i = 0; i < 3; ++i) ASSERT_EQ(touch(kHeap + i * kPageSize), "ok");
  protect_pages(space(), kHeap + kPageSize, kHeap + 2 * kPageSize, kRead);
  EXPECT_EQ(flags_at(kHeap), flags_of(kReadWrite)) << "before the range";
  EXPECT_EQ(flags_at(kHeap + kPageSize), flags_of(kRead));
  EXPECT_EQ(flags_at(kHeap + 2 * kPageSize), flags_of(kReadWrite)) << "after it";
  protect_pages(space(), kHeap, kHeap + 3 * kPageSize, kRead);
  for (unsigned i = 0; i < 3; ++i) EXPECT_EQ(flags_at(kHeap + i * kPageSize), flags_of(kRead)) << i;
  protect_pages(space(), kHeap, kHeap + kPageSize, {});
  EXPECT_FALSE(mmu().user_page(kHeap));
  EXPECT_EQ(pages(), 3u) << "a page that nobody may use keeps its bytes";
}

TEST_F(FaultTest, PagesThatAreNotThereDoNotCome) {
  ASSERT_EQ(touch(kMapped + 2 * kPageSize), "ok");
  protect_pages(space(), kMapped, kMapped + 4 * kPageSize, kReadWrite);
  drop_pages(space(), kHeap, kHeap + 3 * kPageSize);
  EXPECT_EQ(pages(), 1u);
}

TEST_F(FaultTest, WhatMayBeExecutedFromNowOnIsFetched) {
  ASSERT_EQ(touch(kHeap, Access::kWrite), "ok");
  std::ranges::fill(bytes_of(mmu().user_page(kHeap)->address), 'c');
  protect_pages(space(), kHeap, kHeap + kPageSize, kReadExecute);
  EXPECT_EQ(mmu().fetched(kHeap, kPageSize), std::string(kPageSize, 'c'));
}

TEST_F(FaultTest, PagesThatAreDroppedAreGivenBack) {
  const std::uint64_t before = frames_used();
  for (unsigned i = 0; i < 3; ++i) ASSERT_EQ(touch(kHeap + i * kPageSize), "ok");
  const Frame first = Frame::containing(mmu().user_page(kHeap)->address);
  frames().lock()->share(first);
  const OwnedFrame kept = OwnedFrame::adopt(first);
  drop_pages(space(), kHeap + kPageSize, kHeap + 2 * kPageSize);
  EXPECT_EQ(pages(), 2u);
  EXPECT_TRUE(mmu().user_page(kHeap)) << "before the range";
  EXPECT_TRUE(mmu().user_page(kHeap + 2 * kPageSize)) << "after it";
  drop_pages(space(), kHeap + kPageSize, kHeap + 3 * kPageSize);
  EXPECT_EQ(pages(), 1u);
  drop_pages(space(), kHeap, kHeap + kPageSize);
  EXPECT_EQ(owners_of(kept.address()), 1u) << "one share of it";
  EXPECT_EQ(frames_used(), before + 1) << "its tables as well";
}

// --- when something fails ------------------------------------------------------------------------------------------

TEST_F(FaultTest, EveryAllocationMayFail) {
  EXPECT_EQ(fail_each_allocation([&] { return touch(kText, Access::kExecute); }), 4u) << "a page and three tables";
  EXPECT_EQ(fail_each_allocation([&] { return touch(kText + kPageSize, Access::kExecute); }), 1u) << "a page";
  EXPECT_EQ(fail_each_allocation([&] { return touch(kStackBottom - 1, Access::kWrite); }), 2u) << "a page and a table";
}

TEST_F(FaultTest, ARangeThatFailsKeepsWhatItHas) {
  frames().lock()->fail_allocation(5);
  EXPECT_EQ(outcome(resolve_range(space(), kHeap, 3 * kPageSize, Access::kWrite)), "no-memory");
  EXPECT_EQ(pages(), 1u);
  EXPECT_EQ(read_user(kHeap, kPageSize), kZeros);
}

TEST_F(FaultTest, SaysThatNoSlotIsFree) {
  const std::uint64_t used = frames_used();
  auto windows = take_all_slots();
  EXPECT_EQ(touch(kHeap), "no-slot");
  EXPECT_EQ(touch(kText), "no-slot");
  EXPECT_EQ(frames_used(), used);
  EXPECT_EQ(pages(), 0u);
  windows.pop_back();
  EXPECT_EQ(touch(kText), "ok") << "one is enough";
  protect_pages(space(), kText, kText + kPageSize, kReadExecute);
}

}  // namespace
