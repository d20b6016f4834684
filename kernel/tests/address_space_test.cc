// Lab 3. address_space.cc: what a new root maps, who is reached under it, and that its end gives everything back.
#include "kernel/space/address_space.h"

#include "kernel/space/user_layout.h"
#include "kernel/tests/user_memory_test.h"

namespace {

constexpr VirtAddr kSomewhere{0x40'0000};
constexpr VirtAddr kFarAway{0x2000'0000'0000};  // under another entry of the root

constexpr unsigned kEntries = 512, kFirstOfKernel = 256;

std::uint64_t entry(PhysAddr root, unsigned index) {
  return WindowTables<std::uint64_t>().read(root, index);
}

AddressSpace new_space() {
  return AddressSpace::create().value();
}

using AddressSpaceTest = UserMemoryTest;

TEST_F(AddressSpaceTest, CreateMapsTheKernelAndNoUserPage) {
  const AddressSpace space = new_space();
  EXPECT_EQ(frames_used(), 1u) << "tables of the kernel's half are everybody's";
  for (unsigned i = 0; i < kFirstOfKernel; ++i) EXPECT_EQ(entry(space.root(), i), 0u) << i;
  for (unsigned i = kFirstOfKernel; i < kEntries; ++i) {
    EXPECT_EQ(entry(space.root(), i), entry(kernel_root(), i)) << i;
  }
}

TEST_F(AddressSpaceTest, CreateSaysThatThereIsNoMemory) {
  EXPECT_EQ(fail_each_allocation([] { return outcome(AddressSpace::create()); }), 1u);
}

TEST_F(AddressSpaceTest, APageIsMappedForTheUser) {
  AddressSpace space = new_space();
  OwnedFrame frame = a_frame();
  const PhysAddr address = frame.address();
  ASSERT_EQ(outcome(space.map(Page::containing(kSomewhere), std::move(frame), kUserData)), "ok");
  const auto found = space.lookup(kSomewhere + 0x123);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->address, address + 0x123);
  EXPECT_EQ(found->flags, kUserData);
  EXPECT_FALSE(space.lookup(kSomewhere + kPageSize));
}

TEST_F(AddressSpaceTest, WhatTheUserMayNotReadIsNotFound) {
  AddressSpace space = new_space();
  ASSERT_EQ(outcome(space.map(Page::containing(kSomewhere), a_frame(), {.write = true})), "ok");
  EXPECT_FALSE(space.lookup(kSomewhere));
  EXPECT_FALSE(space.lookup(VirtAddr{0xffff'8000'0000'0000}));
}

TEST_F(AddressSpaceTest, APageThatIsRefusedIsGivenBack) {
  AddressSpace space = new_space();
  ASSERT_EQ(outcome(space.map(Page::containing(kSomewhere), a_frame(), kUserData)), "ok");
  const std::uint64_t used = frames_used();
  EXPECT_EQ(outcome(space.map(Page::containing(kSomewhere), a_frame(), kUserData)), "already-mapped");
  for (const VirtAddr va : {VirtAddr{0}, layout::kUserEnd, VirtAddr{0xffff'8000'0000'0000}}) {
    EXPECT_EQ(outcome(space.map(Page::containing(va), a_frame(), kUserData)), "bad-address") << va.raw();
  }
  EXPECT_EQ(frames_used(), used);
}

TEST_F(AddressSpaceTest, MapSaysThatThereIsNoMemory) {
  AddressSpace space = new_space();
  const auto map_one = [&] {
    auto frame = OwnedFrame::allocate(Zone::kBeyond);
    if (!frame) return outcome(frame);
    return outcome(space.map(Page::containing(kSomewhere), std::move(*frame), kUserData));
  };
  EXPECT_EQ(fail_each_allocation(map_one), 4u) << "a page and three tables";
}

TEST_F(AddressSpaceTest, AnAddressIsThatOfTheLoadedSpace) {
  const AddressSpace kernel = AddressSpace::of_kernel();
  AddressSpace one = new_space(), other = new_space();
  ASSERT_EQ(outcome(one.map(Page::containing(kSomewhere), a_frame(), kUserData)), "ok");
  ASSERT_EQ(outcome(other.map(Page::containing(kSomewhere), a_frame(), kUserData)), "ok");
  ASSERT_EQ(outcome(other.map(Page::containing(kFarAway), a_frame(), kUserData)), "ok");
  for (const AddressSpace* space : {&one, &other, &one}) {
    space->load();
    EXPECT_EQ(Arch::active_root(VirtAddr{}), space->root());
    EXPECT_EQ(mmu().user_page(kSomewhere)->address, space->lookup(kSomewhere)->address);
    EXPECT_EQ(mmu().user_page(kFarAway).has_value(), space == &other) << "what the other root had is forgotten";
  }
  kernel.load();
}

TEST_F(AddressSpaceTest, ItsEndGivesBackAllPagesAndTables) {
  {
    AddressSpace space = new_space();
    for (const VirtAddr va :
         {VirtAddr{kPageSize}, kSomewhere, kSomewhere + kPageSize, kFarAway, layout::kUserEnd - kPageSize}) {
      ASSERT_EQ(outcome(space.map(Page::containing(va), a_frame(), kUserData)), "ok");
    }
    ASSERT_EQ(outcome(space.map(Page::containing(kSomewhere + kMiB), a_frame(Zone::kWindow), {.user = true})), "ok");
  }
  EXPECT_EQ(frames_used(), 0u);
}

TEST_F(AddressSpaceTest, ItsEndTakesOneShareOfAPage) {
  const OwnedFrame frame = a_frame();
  {
    AddressSpace space = new_space();
    ASSERT_EQ(outcome(space.map(Page::containing(kSomewhere), frame.share(), kUserData)), "ok");
  }
  EXPECT_EQ(owners_of(frame.address()), 1u);
}

TEST_F(AddressSpaceTest, ItsEndLeavesTheKernelsHalfAlone) {
  const Tree before = tree_of(hardware_of(Format::kX86_64), kernel_root());
  { const AddressSpace space = new_space(); }
  EXPECT_TRUE(tree_of(hardware_of(Format::kX86_64), kernel_root()) == before);
  for (const PhysAddr table : before.tables) EXPECT_EQ(owners_of(table), 1u);
}

}  // namespace
