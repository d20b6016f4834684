// Lab 4. user_copy.cc: which bytes are copied, which are refused, and that nothing is lost when something fails.
#include "kernel/space/user_copy.h"

#include "kernel/space/user_layout.h"
#include "kernel/tests/all_slots.h"
#include "kernel/tests/user_memory_test.h"

namespace {

constexpr VirtAddr kBuffer{0x40'0000};

// A space with three pages from kBuffer on, none of which is next to another in RAM: data, data, constants.
class UserCopyTest : public UserMemoryTest {
 protected:
  void SetUp() override {
    UserMemoryTest::SetUp();
    if (IsSkipped()) return;
    space_.emplace(AddressSpace::create().value());
    OwnedFrame third = a_frame(), second = a_frame(), first = a_frame();
    map(kBuffer, std::move(first), kUserData);
    map(kBuffer + kPageSize, std::move(second), kUserData);
    map(kBuffer + 2 * kPageSize, std::move(third), kUserConstants);
  }

  void TearDown() override {
    space_.reset();
    UserMemoryTest::TearDown();
  }

  AddressSpace& space() { return *space_; }

  void map(VirtAddr va, OwnedFrame frame, PageFlags flags) {
    std::ranges::fill(bytes_of(frame.address()), '.');
    ASSERT_EQ(outcome(space().map(Page::containing(va), std::move(frame), flags)), "ok");
  }

  // The user's memory, as a program would read it.
  std::string memory(VirtAddr va, std::size_t size) {
    const Loaded loaded(space());
    return read_user(va, size);
  }

  std::string_view to_user(VirtAddr to, const std::string& text) {
    return outcome(copy_to_user(space(), to, std::as_bytes(std::span(text))));
  }

  std::string_view fill(VirtAddr to, const std::string& text) {
    return outcome(fill_user(space(), to, std::as_bytes(std::span(text))));
  }

  // What is copied from there, or the error. In memory of its own size: AddressSanitizer sees a write beyond it.
  std::string from_user(VirtAddr from, std::size_t size) {
    std::vector<char> text(size);
    const auto result = copy_from_user(space(), std::as_writable_bytes(std::span(text)), from);
    return result ? std::string(text.begin(), text.end()) : std::string(outcome(result));
  }

 private:
  std::optional<AddressSpace> space_;
};

TEST_F(UserCopyTest, AFrameForTheUserIsClearedAndBeyondTheWindow) {
  const OwnedFrame frame = allocate_user_frame().value();
  EXPECT_GE(frame.address(), layout::kWindowEnd);
  EXPECT_EQ(text_of(frame.address()), kZeros);
}

TEST_F(UserCopyTest, AFrameForTheUserFailsWithoutALoss) {
  EXPECT_EQ(fail_each_allocation([] { return outcome(allocate_user_frame()); }), 1u);
  const std::uint64_t used = frames_used();
  {
    const auto all = take_all_slots();
    EXPECT_EQ(outcome(allocate_user_frame()), "no-slot");
  }
  EXPECT_EQ(frames_used(), used);
}

TEST_F(UserCopyTest, CopiesInsideAPage) {
  EXPECT_EQ(to_user(kBuffer + 0x10, "hello"), "ok");
  EXPECT_EQ(memory(kBuffer + 0xf, 7), ".hello.");
  EXPECT_EQ(from_user(kBuffer + 0xf, 7), ".hello.");
}

TEST_F(UserCopyTest, CopiesAcrossPages) {
  std::string text;
  for (unsigned i = 0; text.size() < kPageSize + 20; ++i) text += std::to_string(i);
  const VirtAddr start = kBuffer + kPageSize - 11;
  EXPECT_EQ(to_user(start, text.substr(0, 200)), "ok");
  EXPECT_EQ(memory(start - 1, 202), "." + text.substr(0, 200) + ".");
  EXPECT_EQ(fill(start, text), "ok") << "ends in the third page";
  EXPECT_EQ(memory(start - 1, text.size() + 2), "." + text + ".");
  EXPECT_EQ(from_user(start, text.size()), text);
}

TEST_F(UserCopyTest, CopiesUpToTheEdgesOfAPage) {
  EXPECT_EQ(to_user(kBuffer, std::string(kPageSize, 'x')), "ok");
  EXPECT_EQ(memory(kBuffer, kPageSize + 1), std::string(kPageSize, 'x') + ".");
  EXPECT_EQ(from_user(kBuffer, kPageSize), std::string(kPageSize, 'x'));
  EXPECT_EQ(from_user(kBuffer + 2 * kPageSize, kPageSize), std::string(kPageSize, '.')) << "and no page more";
}

TEST_F(UserCopyTest, NoBytesAreAlwaysThere) {
  EXPECT_EQ(to_user(kBuffer, ""), "ok");
  EXPECT_EQ(from_user(kBuffer, 0), "");
}

TEST_F(UserCopyTest, RefusesWhatIsNotTheUsers) {
  map(kBuffer + 8 * kPageSize, a_frame(), {.write = true});
  const VirtAddr refused[] = {VirtAddr{0},
                              kBuffer - 1,
                              kBuffer + 8 * kPageSize,
                              layout::kUserEnd,
                              layout::kTempWindow,
                              VirtAddr{0x8000'0000'0000},
                              VirtAddr{0xffff'8000'0000'0000},
                              VirtAddr{0xffff'ffff'ffff'f000},
                              VirtAddr{0xffff'ffff'ffff'ffff}};
  for (const VirtAddr va : refused) {
    EXPECT_EQ(to_user(va, "hello"), "bad-address") << va.raw();
    EXPECT_EQ(fill(va, "hello"), "bad-address") << va.raw();
    EXPECT_EQ(from_user(va, 5), "bad-address") << va.raw();
  }
}

TEST_F(UserCopyTest, RefusesARangeOfWhichOnePageIsMissing) {
  const VirtAddr end = kBuffer + 3 * kPageSize;
  EXPECT_EQ(from_user(end - 4, 4), "....");
  EXPECT_EQ(from_user(end - 4, 5), "bad-address");
  EXPECT_EQ(fill(end - 4, "hello"), "bad-address");
  EXPECT_EQ(memory(end - 5, 1), ".") << "nothing before the range is written";
}

TEST_F(UserCopyTest, OnlyALoaderWritesWhereTheUserMayNot) {
  const VirtAddr constants = kBuffer + 2 * kPageSize;
  EXPECT_EQ(to_user(constants, "hello"), "bad-address");
  EXPECT_EQ(to_user(constants - 2, "hello"), "bad-address") << "it ends there";
  EXPECT_EQ(memory(constants, 5), ".....");
  EXPECT_EQ(fill(constants, "hello"), "ok");
  EXPECT_EQ(memory(constants, 5), "hello");
}

TEST_F(UserCopyTest, TheCpuIsToldOfNewCode) {
  map(kBuffer + 4 * kPageSize, a_frame(), kUserCode);
  map(kBuffer + 5 * kPageSize, a_frame(), kUserCode);
  EXPECT_EQ(fill(kBuffer + 5 * kPageSize - 2, "code"), "ok");
  const Loaded loaded(space());
  EXPECT_EQ(mmu().fetched(kBuffer + 4 * kPageSize, kPageSize), std::string(kPageSize - 2, '.') + "co");
  EXPECT_EQ(mmu().fetched(kBuffer + 5 * kPageSize, 3), "de.");
}

TEST_F(UserCopyTest, ReachesASpaceThatIsNotLoaded) {
  const AddressSpace other = AddressSpace::create().value();
  const Loaded loaded(other);
  EXPECT_EQ(to_user(kBuffer, "hello"), "ok");
  EXPECT_EQ(from_user(kBuffer, 5), "hello");
}

TEST_F(UserCopyTest, SaysThatNoSlotIsFree) {
  auto all = take_all_slots();
  EXPECT_EQ(to_user(kBuffer, "hello"), "no-slot");
  EXPECT_EQ(from_user(kBuffer, 5), "no-slot");
  all.pop_back();
  EXPECT_EQ(to_user(kBuffer + kPageSize - 2, "hello"), "ok") << "one is enough";
  EXPECT_EQ(from_user(kBuffer + kPageSize - 2, 5), "hello");
}

TEST_F(UserCopyTest, NeedsNoMemory) {
  EXPECT_EQ(fail_each_allocation([&] { return to_user(kBuffer, "hello"); }), 0u);
  frames().lock()->fail_allocation(1);
  EXPECT_EQ(from_user(kBuffer, 5), "hello");
  frames().lock()->fail_allocation(0);
}

}  // namespace
