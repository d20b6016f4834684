// Lab 6. clone.cc: the copy has all that the original has, shares nothing with it, and is gone if it fails.
#include "kernel/space/clone.h"

#include "kernel/space/user_copy.h"
#include "kernel/space/user_layout.h"
#include "kernel/tests/all_slots.h"
#include "kernel/tests/user_memory_test.h"

namespace {

constexpr Protection kReadOnly{.read = true}, kWritable{.read = true, .write = true}, kExecutable{true, false, true};

// A page that is there, and what it is filled with.
struct There {
  VirtAddr va;
  Protection protection;
  char fill;
};
constexpr There kThere[] = {{VirtAddr{0x40'0000}, kExecutable, 't'},
                            {VirtAddr{0x40'1000}, kReadOnly, 'r'},
                            {VirtAddr{0x80'1000}, kWritable, 'h'},
                            {VirtAddr{0x1'0000'0000}, {}, 'n'},  // nobody may use it; its bytes are kept
                            {layout::kUserStackTop - kPageSize, kWritable, 's'}};

// A parent, under its own root, with those pages; the areas of the heap and of the stack promise more.
class CloneTest : public UserMemoryTest {
 protected:
  void SetUp() override {
    UserMemoryTest::SetUp();
    if (IsSkipped()) return;
    parent_.emplace(AddressSpace::create_with_map().value());
    add({VirtAddr{0x40'0000}, VirtAddr{0x40'1000}, kExecutable, VmaKind::kImage});
    add({VirtAddr{0x40'1000}, VirtAddr{0x40'2000}, kReadOnly, VmaKind::kImage});
    add({VirtAddr{0x80'0000}, VirtAddr{0x80'4000}, kWritable, VmaKind::kHeap});
    add({VirtAddr{0x1'0000'0000}, VirtAddr{0x1'0000'1000}, {}});
    add({layout::kUserStackTop - 4 * kPageSize, layout::kUserStackTop, kWritable, VmaKind::kStack});
    parent_->memory().heap_start = VirtAddr{0x80'0000};
    parent_->memory().heap_end = VirtAddr{0x80'3210};
    for (const There& page : kThere) {
      OwnedFrame frame = a_frame();
      std::ranges::fill(bytes_of(frame.address()), page.fill);
      ASSERT_EQ(outcome(parent_->map(Page::containing(page.va), std::move(frame), flags_of(page.protection))), "ok");
    }
    loaded_.emplace(*parent_);
  }

  void TearDown() override {
    loaded_.reset();
    parent_.reset();
    UserMemoryTest::TearDown();
  }

  AddressSpace& parent() { return *parent_; }
  void load(const AddressSpace& space) { loaded_.emplace(space); }

 private:
  void add(const Vma& area) { ASSERT_EQ(outcome(parent_->memory().areas.insert(area)), "ok"); }

  std::optional<AddressSpace> parent_;
  std::optional<Loaded> loaded_;
};

std::optional<Translation> mapping(const AddressSpace& space, VirtAddr va) {
  return translate(hardware_of(Format::kX86_64), space.root(), va);
}

Clone clone_of(const AddressSpace& parent) {
  return clone_address_space(parent).value();
}

TEST_F(CloneTest, HasACopyOfEachPageThatIsThere) {
  const Clone child = clone_of(parent());
  EXPECT_EQ(child.pages, std::size(kThere));
  for (const There& page : kThere) {
    const auto original = mapping(parent(), page.va), copy = mapping(child.space, page.va);
    ASSERT_TRUE(copy) << page.fill;
    EXPECT_EQ(copy->flags, original->flags) << page.fill;
    EXPECT_NE(copy->address, original->address) << page.fill;
    EXPECT_GE(copy->address, layout::kWindowEnd) << page.fill;
    EXPECT_EQ(text_of(copy->address), std::string(kPageSize, page.fill));
    EXPECT_EQ(text_of(original->address), std::string(kPageSize, page.fill)) << "the original is as it was";
  }
}

TEST_F(CloneTest, HasNoPageMore) {
  const Clone child = clone_of(parent());
  const Hardware& hardware = hardware_of(Format::kX86_64);
  const Tree original = tree_of(hardware, parent().root()), copy = tree_of(hardware, child.space.root());
  EXPECT_EQ(copy.leaves.size(), original.leaves.size());
  EXPECT_EQ(copy.tables.size(), original.tables.size());
}

TEST_F(CloneTest, HasAMapOfItsOwnThatSaysTheSame) {
  const Clone child = clone_of(parent());
  EXPECT_NE(child.space.map_address(), parent().map_address());
  const MemoryMap &ours = parent().memory(), &theirs = child.space.memory();
  EXPECT_TRUE(std::ranges::equal(theirs.areas.all(), ours.areas.all()));
  EXPECT_EQ(theirs.heap_start, ours.heap_start);
  EXPECT_EQ(theirs.heap_end, ours.heap_end);
}

TEST_F(CloneTest, NeitherSeesWhatTheOtherWrites) {
  const Clone child = clone_of(parent());
  const VirtAddr heap{0x80'1000};
  const std::string one = "parent", other = "child";
  ASSERT_EQ(outcome(copy_to_user(parent(), heap, std::as_bytes(std::span(one)))), "ok");
  ASSERT_EQ(outcome(copy_to_user(child.space, heap + 8, std::as_bytes(std::span(other)))), "ok");
  EXPECT_EQ(read_user(heap, 16), "parenthhhhhhhhhh");
  load(child.space);
  EXPECT_EQ(read_user(heap, 16), "hhhhhhhhchildhhh");
  load(parent());
}

TEST_F(CloneTest, ItsCodeIsFetched) {
  const Clone child = clone_of(parent());
  load(child.space);
  EXPECT_EQ(mmu().fetched(VirtAddr{0x40'0000}, kPageSize), std::string(kPageSize, 't'));
  load(parent());
}

TEST_F(CloneTest, APageThatNoAreaPromisesIsNotCopied) {
  const VirtAddr stray{0x90'0000};
  ASSERT_EQ(outcome(parent().map(Page::containing(stray), a_frame(), flags_of(kWritable))), "ok");
  const Clone child = clone_of(parent());
  EXPECT_FALSE(mapping(child.space, stray));
  EXPECT_EQ(child.pages, std::size(kThere));
}

TEST_F(CloneTest, MayBeOfAProcessWithoutPages) {
  const AddressSpace empty = AddressSpace::create_with_map().value();
  EXPECT_EQ(clone_of(empty).pages, 0u);
}

TEST_F(CloneTest, EveryAllocationMayFail) {
  // A root and a map; a table for all, one for each GiB, one for each 2 MiB in use; five pages.
  EXPECT_EQ(fail_each_allocation([&] { return outcome(clone_address_space(parent())); }), 2u + 1 + 2 + 4 + 5);
}

TEST_F(CloneTest, NeedsTwoSlots) {
  const std::uint64_t used = frames_used();
  auto all = take_all_slots();
  EXPECT_EQ(outcome(clone_address_space(parent())), "no-slot");
  all.pop_back();
  EXPECT_EQ(outcome(clone_address_space(parent())), "no-slot");
  EXPECT_EQ(frames_used(), used);
  all.pop_back();
  EXPECT_EQ(outcome(clone_address_space(parent())), "ok");
}

}  // namespace
