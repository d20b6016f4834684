// The frame allocator: every frame has an account, and it always balances.
#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "kernel/base/boot_parameters.h"
#include "kernel/tests/machine_test.h"

namespace {

// Its own allocator: 16 frames of the window, the first of which holds the records, and 8 frames beyond.
class FrameAllocatorTest : public testing::Test {
 protected:
  static constexpr std::uint64_t kWindowFrames = 15, kBeyondFrames = 8;
  static constexpr PhysAddr kStart = layout::kWindowEnd - 16 * kPageSize;
  static constexpr PhysAddr kEnd = layout::kWindowEnd + kBeyondFrames * kPageSize;

  FrameAllocatorTest() {
    switch_on();
    allocator_.initialise(kStart, layout::kWindowEnd, kEnd);
  }

  // Takes all frames of `zone`.
  std::vector<Frame> drain(Zone zone) {
    std::vector<Frame> taken;
    while (const auto frame = allocator_.allocate(zone)) taken.push_back(*frame);
    return taken;
  }

  void expect_counts(std::uint64_t window_free, std::uint64_t beyond_free) {
    const FrameCounts counts = allocator_.counts();
    EXPECT_EQ(counts.window_free, window_free);
    EXPECT_EQ(counts.beyond_free, beyond_free);
    EXPECT_EQ(counts.total, kWindowFrames + kBeyondFrames);
    EXPECT_EQ(counts.window_free + counts.beyond_free + counts.used, counts.total);
  }

  FrameAllocator allocator_;
};

TEST_F(FrameAllocatorTest, AllFramesButTheRecordsAreFreeAtFirst) {
  expect_counts(kWindowFrames, kBeyondFrames);
}

TEST_F(FrameAllocatorTest, HandsOutEachFrameOnceUntilNoneIsLeft) {
  const auto window = drain(Zone::kWindow);
  expect_counts(0, kBeyondFrames);
  const auto beyond = drain(Zone::kBeyond);
  expect_counts(0, 0);
  EXPECT_EQ(std::set(window.begin(), window.end()).size(), kWindowFrames);
  EXPECT_EQ(std::set(beyond.begin(), beyond.end()).size(), kBeyondFrames);
  for (const Frame frame : window) {
    EXPECT_GE(frame.start(), kStart + kPageSize) << "the records lie in the first frame";
    EXPECT_LT(frame.start(), layout::kWindowEnd);
  }
  for (const Frame frame : beyond) {
    EXPECT_GE(frame.start(), layout::kWindowEnd);
    EXPECT_LT(frame.start(), kEnd);
  }
  EXPECT_EQ(outcome(allocator_.allocate(Zone::kWindow)), "no-memory");
  EXPECT_EQ(outcome(allocator_.allocate(Zone::kBeyond)), "no-memory");
  expect_counts(0, 0);
}

TEST_F(FrameAllocatorTest, AReleasedFrameServesItsZoneAgain) {
  const auto window = drain(Zone::kWindow);
  const auto beyond = drain(Zone::kBeyond);
  EXPECT_TRUE(allocator_.release(beyond[3]));
  expect_counts(0, 1);
  EXPECT_EQ(outcome(allocator_.allocate(Zone::kWindow)), "no-memory");
  EXPECT_EQ(allocator_.allocate(Zone::kBeyond).value(), beyond[3]);

  for (const Frame frame : window) EXPECT_TRUE(allocator_.release(frame));
  expect_counts(kWindowFrames, 0);
  EXPECT_EQ(drain(Zone::kWindow).size(), kWindowFrames);
}

TEST_F(FrameAllocatorTest, ASharedFrameIsFreeWhenItsLastOwnerLetsGo) {
  const Frame frame = allocator_.allocate(Zone::kWindow).value();
  EXPECT_EQ(allocator_.shares(frame), 1u);
  allocator_.share(frame);
  allocator_.share(frame);
  EXPECT_EQ(allocator_.shares(frame), 3u);
  EXPECT_FALSE(allocator_.release(frame));
  EXPECT_FALSE(allocator_.release(frame));
  expect_counts(kWindowFrames - 1, kBeyondFrames);
  EXPECT_TRUE(allocator_.release(frame));
  EXPECT_EQ(allocator_.shares(frame), 0u);
  expect_counts(kWindowFrames, kBeyondFrames);
}

TEST_F(FrameAllocatorTest, ReleasingOrSharingAFreeFrameIsABug) {
  const Frame frame = allocator_.allocate(Zone::kWindow).value();
  allocator_.release(frame);
  EXPECT_THROW(allocator_.release(frame), CheckFailed);
  EXPECT_THROW(allocator_.share(frame), CheckFailed);
  expect_counts(kWindowFrames, kBeyondFrames);
}

TEST_F(FrameAllocatorTest, FramesOfNobodyAreABug) {
  (void)allocator_.allocate(Zone::kWindow).value();
  (void)allocator_.allocate(Zone::kBeyond).value();
  for (const PhysAddr stranger : {kStart - kPageSize, kEnd, kStart + 5 * kPageSize, kEnd - kPageSize}) {
    EXPECT_THROW(allocator_.release(Frame::containing(stranger)), CheckFailed) << testing::PrintToString(stranger);
    EXPECT_THROW(allocator_.share(Frame::containing(stranger)), CheckFailed);
  }
}

TEST_F(FrameAllocatorTest, TheKthAllocationFails) {
  allocator_.fail_allocation(3);
  EXPECT_EQ(outcome(allocator_.allocate(Zone::kWindow)), "ok");
  EXPECT_EQ(outcome(allocator_.allocate(Zone::kBeyond)), "ok");
  EXPECT_EQ(outcome(allocator_.allocate(Zone::kWindow)), "no-memory");
  expect_counts(kWindowFrames - 1, kBeyondFrames - 1);
  EXPECT_EQ(drain(Zone::kWindow).size(), kWindowFrames - 1) << "only one allocation fails";
}

TEST_F(FrameAllocatorTest, AFailureThatWasAskedForCanBeWithdrawn) {
  allocator_.fail_allocation(1);
  allocator_.fail_allocation(0);
  EXPECT_EQ(outcome(allocator_.allocate(Zone::kWindow)), "ok");
}

TEST_F(FrameAllocatorTest, MemoryTooSmallForItsRecordsIsABug) {
  FrameAllocator other;
  EXPECT_THROW(other.initialise(kStart, kStart, kEnd), CheckFailed);
  EXPECT_THROW(other.initialise(kStart, kStart + kPageSize, kEnd), CheckFailed);
  EXPECT_THROW(other.initialise(kStart, layout::kWindowEnd, kStart + kPageSize), CheckFailed);
}

TEST_F(FrameAllocatorTest, AgreesWithAModel) {
  std::mt19937_64 chance(1);
  std::map<Frame, std::uint32_t> shares;  // the model: who is in use, and how often
  const auto used_in = [&](Zone zone) {
    return static_cast<std::uint64_t>(std::ranges::count_if(shares, [&](const auto& entry) {
      return (entry.first.start() < layout::kWindowEnd) == (zone == Zone::kWindow);
    }));
  };
  for (unsigned step = 0; step < 5000; ++step) {
    const auto some = shares.empty() ? shares.end() : std::next(shares.begin(), chance() % shares.size());
    if (some == shares.end() || chance() % 3 == 0) {
      const Zone zone = chance() % 2 == 0 ? Zone::kWindow : Zone::kBeyond;
      const bool is_full = used_in(zone) == (zone == Zone::kWindow ? kWindowFrames : kBeyondFrames);
      const auto frame = allocator_.allocate(zone);
      ASSERT_EQ(frame.has_value(), !is_full) << "step " << step;
      if (frame) {
        ASSERT_TRUE(shares.emplace(*frame, 1).second) << "given out twice, in step " << step;
      }
    } else if (chance() % 3 == 0) {
      allocator_.share(some->first);
      ++some->second;
    } else {
      const bool is_last = --some->second == 0;
      ASSERT_EQ(allocator_.release(some->first), is_last) << "step " << step;
      if (is_last) shares.erase(some);
    }
    for (const auto& [frame, count] : shares) ASSERT_EQ(allocator_.shares(frame), count) << "step " << step;
    expect_counts(kWindowFrames - used_in(Zone::kWindow), kBeyondFrames - used_in(Zone::kBeyond));
    ASSERT_FALSE(HasFailure()) << "step " << step;
  }
}

// Writes boot parameters to where QEMU's loader would put them.
void set_boot_parameters(const BootParameters& parameters) {
  std::memcpy(pointer_to(layout::kBootParameters), &parameters, sizeof parameters);
}

TEST(InitialiseFrames, TakesAllRamAboveTheImage) {
  switch_on();
  set_boot_parameters({kBootParametersMagic, 1, 256 * kMiB, 2, 0});
  initialise_frames();
  const FrameCounts counts = frame_counts();
  const std::uint64_t all = (layout::kRamBase + 256 * kMiB - image_map.end) / kPageSize;
  const std::uint64_t records = round_up(all * sizeof(FrameRecord), kPageSize) / kPageSize;
  EXPECT_EQ(counts.total, all - records);
  EXPECT_EQ(counts.beyond_free, (256 * kMiB - layout::kWindowSize) / kPageSize);
  EXPECT_EQ(outcome(frames().lock()->allocate(Zone::kWindow)), "ok");
  EXPECT_EQ(outcome(frames().lock()->allocate(Zone::kWindow)), "no-memory") << "fail_allocation was 2";
  EXPECT_EQ(frame_counts().used, 1u);
}

TEST(InitialiseFrames, AssumesTheSmallestRamIfNobodySaysMore) {
  set_boot_parameters({});
  initialise_frames();
  EXPECT_EQ(frame_counts().beyond_free, (layout::kSmallestRam - layout::kWindowSize) / kPageSize);
  EXPECT_EQ(boot_script(), "");
}

TEST(InitialiseFrames, LessRamThanThatIsABug) {
  set_boot_parameters({kBootParametersMagic, 1, 32 * kMiB, 0, 0});
  EXPECT_THROW(initialise_frames(), CheckFailed);
}

}  // namespace

TEST_F(FrameAllocatorTest, FramesThatWereNeverHandedOutAreABug) {
  const Frame last = allocator_.allocate(Zone::kWindow).value();
  for (const PhysAddr stranger : {last.start() + kPageSize, layout::kWindowEnd, kStart}) {
    EXPECT_THROW(allocator_.release(Frame::containing(stranger)), CheckFailed) << testing::PrintToString(stranger);
  }
}
