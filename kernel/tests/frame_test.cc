// OwnedFrame: a frame is given back exactly when its last owner is gone.
#include "kernel/frames/frame.h"

#include <algorithm>
#include <type_traits>

#include "kernel/tests/machine_test.h"

namespace {

using OwnedFrameTest = MachineTest;

bool is_filled_with(PhysAddr frame, unsigned char byte) {
  const auto* bytes = static_cast<const unsigned char*>(pointer_to(frame));
  return std::all_of(bytes, bytes + kPageSize, [byte](unsigned char each) { return each == byte; });
}

OwnedFrame allocate(Zone zone = Zone::kWindow) {
  return OwnedFrame::allocate(zone).value();
}

static_assert(!std::is_copy_constructible_v<OwnedFrame> && !std::is_copy_assignable_v<OwnedFrame>);

TEST_F(OwnedFrameTest, IsGivenBackWhenItDies) {
  {
    const OwnedFrame frame = allocate();
    EXPECT_EQ(frame_counts().used, 1u);
  }
  EXPECT_EQ(frame_counts().used, 0u);
}

TEST_F(OwnedFrameTest, MovingHandsItOn) {
  OwnedFrame first = allocate();
  const Frame frame = first.frame();
  {
    const OwnedFrame second = std::move(first);
    EXPECT_EQ(second.frame(), frame);
    EXPECT_EQ(frame_counts().used, 1u);
  }
  EXPECT_EQ(frame_counts().used, 0u) << "the first owner has nothing left to give back";
}

TEST_F(OwnedFrameTest, AssigningGivesBackWhatWasThere) {
  OwnedFrame kept = allocate();
  const Frame old_frame = kept.frame();
  Frame new_frame = old_frame;
  {
    OwnedFrame other = allocate();
    new_frame = other.frame();
    kept = std::move(other);
  }
  EXPECT_EQ(kept.frame(), new_frame);
  EXPECT_EQ(frame_counts().used, 1u);
  EXPECT_EQ(frames().lock()->shares(old_frame), 0u);
  EXPECT_EQ(frames().lock()->shares(new_frame), 1u);
}

TEST_F(OwnedFrameTest, SharesAreCounted) {
  const OwnedFrame first = allocate();
  {
    const OwnedFrame second = first.share();
    EXPECT_EQ(second.frame(), first.frame());
    EXPECT_EQ(frames().lock()->shares(first.frame()), 2u);
    EXPECT_EQ(frame_counts().used, 1u);
  }
  EXPECT_EQ(frames().lock()->shares(first.frame()), 1u);
  EXPECT_FALSE(is_filled_with(first.address(), 0xcc)) << "it still has an owner";
}

TEST_F(OwnedFrameTest, ReleaseAndAdoptPassAShareThroughOtherHands) {
  const Frame frame = allocate().release();
  EXPECT_EQ(frame_counts().used, 1u);
  {
    const OwnedFrame adopted = OwnedFrame::adopt(frame);
    EXPECT_EQ(adopted.address(), frame.start());
  }
  EXPECT_EQ(frame_counts().used, 0u);
}

TEST_F(OwnedFrameTest, IsClearedOnDemand) {
  for (unsigned i = 0; i < 3; ++i) {
    const OwnedFrame frame = OwnedFrame::allocate_zeroed().value();
    EXPECT_TRUE(is_filled_with(frame.address(), 0));
    std::memset(pointer_to(frame.address()), 0x11, kPageSize);
  }
}

TEST_F(OwnedFrameTest, IsPoisonedWhenFree) {
  PhysAddr address;
  {
    const OwnedFrame frame = OwnedFrame::allocate_zeroed().value();
    address = frame.address();
    const OwnedFrame neighbour = allocate();
    EXPECT_FALSE(is_filled_with(address, 0xcc));
  }
  EXPECT_TRUE(is_filled_with(address, 0xcc));
}

// There is no memory behind these frames: AddressSanitizer would report whoever touched one.
TEST_F(OwnedFrameTest, FramesBeyondTheWindowAreNotTouched) {
  {
    const OwnedFrame frame = allocate(Zone::kBeyond);
    EXPECT_GE(frame.address(), layout::kWindowEnd);
    const OwnedFrame second = frame.share();
  }
  EXPECT_EQ(frame_counts().used, 0u);
}

TEST_F(OwnedFrameTest, FailsIfNoFrameCanBeHad) {
  frames().lock()->fail_allocation(1);
  EXPECT_EQ(outcome(OwnedFrame::allocate_zeroed()), "no-memory");
  EXPECT_EQ(outcome(OwnedFrame::allocate_zeroed()), "ok");
  EXPECT_EQ(frame_counts().used, 0u);
}

}  // namespace
