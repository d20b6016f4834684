// Lab 4. temp_map.cc: a window shows its frame, and nothing of it stays.
#include "kernel/map/temp_map.h"

#include "kernel/tests/all_slots.h"
#include "kernel/tests/user_memory_test.h"

namespace {

using TempMapTest = UserMemoryTest;

TempMap open_window(const OwnedFrame& frame) {
  return TempMap::open(frame.frame()).value();
}

// Writes through a window, as the kernel does.
void write(const TempMap& window, const std::string& text) {
  std::memcpy(window.bytes().data(), text.data(), text.size());
}

std::string read(const TempMap& window, std::size_t size) {
  return {reinterpret_cast<const char*>(window.bytes().data()), size};
}

TEST_F(TempMapTest, AWindowShowsItsFrame) {
  for (const Zone zone : {Zone::kBeyond, Zone::kWindow}) {
    const OwnedFrame frame = a_frame(zone);
    std::ranges::fill(bytes_of(frame.address()), 'a');
    const TempMap window = open_window(frame);
    EXPECT_EQ(read(window, kPageSize), std::string(kPageSize, 'a'));
    write(window, "hello");
    EXPECT_EQ(text_of(frame.address()).substr(0, 7), "helloaa");
  }
}

TEST_F(TempMapTest, TheKernelAloneReadsAndWritesThroughIt) {
  const OwnedFrame frame = a_frame();
  const TempMap window = open_window(frame);
  const auto seen = translate(hardware_of(Format::kX86_64), kernel_root(), window.address());
  ASSERT_TRUE(seen);
  EXPECT_EQ(seen->address, frame.address());
  EXPECT_TRUE(seen->flags.write && !seen->flags.execute && !seen->flags.user);
}

TEST_F(TempMapTest, NothingStaysOfAWindow) {
  const OwnedFrame frame = a_frame();
  VirtAddr address;
  {
    const TempMap window = open_window(frame);
    address = window.address();
    EXPECT_EQ(mmu().open_windows(), 1u);
  }
  EXPECT_FALSE(translate(hardware_of(Format::kX86_64), kernel_root(), address));
  EXPECT_EQ(mmu().open_windows(), 0u);
  EXPECT_EQ(owners_of(frame.address()), 1u) << "the frame is not touched";
}

TEST_F(TempMapTest, ASlotUsedAgainShowsTheNewFrame) {
  for (unsigned i = 0; i < 3 * layout::kTempSlots; ++i) {
    const OwnedFrame frame = a_frame(), other = a_frame();
    bytes_of(frame.address())[0] = 'a';
    bytes_of(other.address())[0] = 'b';
    EXPECT_EQ(read(open_window(frame), 1), "a");
    EXPECT_EQ(read(open_window(other), 1), "b");
  }
}

TEST_F(TempMapTest, WindowsAreOpenSideBySide) {
  const OwnedFrame one = a_frame(), other = a_frame();
  const TempMap first = open_window(one), second = open_window(other), third = open_window(one);
  write(first, "first");
  write(second, "second");
  EXPECT_EQ(read(third, 5), "first") << "two windows onto one frame";
  EXPECT_EQ(read(second, 6), "second");
}

TEST_F(TempMapTest, MovingAWindowLeavesItOpen) {
  const OwnedFrame frame = a_frame();
  TempMap first = open_window(frame);
  const TempMap second = std::move(first);
  write(second, "moved");
  EXPECT_EQ(text_of(frame.address()).substr(0, 5), "moved");
}

TEST_F(TempMapTest, ThereAreSoManySlotsAndNoMore) {
  const OwnedFrame frame = a_frame();
  auto all = take_all_slots();
  EXPECT_EQ(all.size(), layout::kTempSlots);
  EXPECT_EQ(outcome(TempMap::open(frame.frame())), "no-slot");
  std::vector<VirtAddr> addresses;
  for (const TempMap& window : all) addresses.push_back(window.address());
  std::sort(addresses.begin(), addresses.end());
  EXPECT_EQ(std::adjacent_find(addresses.begin(), addresses.end()), addresses.end())
      << "each has an address of its own";
  all.pop_back();
  EXPECT_EQ(take_all_slots().size(), 1u) << "the one that was closed";
}

TEST_F(TempMapTest, ItNeedsNoMemory) {
  const OwnedFrame frame = a_frame();
  EXPECT_EQ(fail_each_allocation([&] { return outcome(TempMap::open(frame.frame())); }), 0u);
}

// Whoever opens a window while another is being closed, in an interrupt say, gets another slot or a slot that was
// flushed.
TEST_F(TempMapTest, ASlotIsFlushedBeforeOthersHaveIt) {
  const OwnedFrame frame = a_frame();
  const auto flush = host_cpu().on_flush;
  unsigned tried = 0;
  host_cpu().on_flush = [&](VirtAddr closing) {
    const bool can_be_interrupted = host_cpu().interrupts;
    if (can_be_interrupted && tried++ == 0) {
      EXPECT_NE(open_window(frame).address(), closing);
    }
    flush(closing);
  };
  { const TempMap window = open_window(frame); }
}

}  // namespace
