// What the tests of user memory start from: a machine whose CPU runs under the kernel's own root. At the end of each
// test no window is open, and the CPU has met nothing that must not be.
#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "arch/user_mode.h"
#include "kernel/frames/frame.h"
#include "kernel/space/address_space.h"
#include "kernel/tests/mmu.h"

class UserMemoryTest : public testing::Test {
 protected:
  void SetUp() override {
    if (getpagesize() != static_cast<int>(kPageSize)) GTEST_SKIP() << "this machine's own pages have another size";
    mmu().switch_on();
    // Something in the first and in the last entry of the upper half.
    KernelTable kernel(kernel_root());
    for (const VirtAddr va : {VirtAddr{0xffff'8000'0000'0000}, VirtAddr{0xffff'ffff'ffff'f000}}) {
      ASSERT_EQ(outcome(kernel.map(va, layout::kRamBase, {.write = true, .global = true})), "ok");
    }
    used_by_kernel_ = frame_counts().used;
  }

  void TearDown() override {
    if (IsSkipped()) return;
    EXPECT_EQ(mmu().open_windows(), 0u);
    EXPECT_EQ(mmu().complaints(), std::vector<std::string>{});
    EXPECT_EQ(frames_used(), 0u) << "frames that nobody has given back";
  }

  // How many frames are in use that were not when the test began.
  std::uint64_t frames_used() const { return frame_counts().used - used_by_kernel_; }

  // Makes allocation k of `act` fail, for k = 1, 2, ... until it ends before that; `act` returns its outcome. Whenever
  // it fails it says so, leaves all frames as they were, and no window open. Returns how many allocations there are.
  template <typename Act>
  unsigned fail_each_allocation(Act act) {
    for (unsigned k = 1;; ++k) {
      const std::uint64_t before = frames_used();
      frames().lock()->fail_allocation(k);
      const std::string_view result = act();
      frames().lock()->fail_allocation(0);
      EXPECT_EQ(mmu().open_windows(), 0u) << "after the failure of allocation " << k;
      if (result == "ok") return k - 1;
      EXPECT_EQ(result, "no-memory") << "at allocation " << k;
      EXPECT_EQ(frames_used(), before) << "after the failure of allocation " << k;
      if (k == 100 || HasFailure()) return k;
    }
  }

 private:
  std::uint64_t used_by_kernel_ = 0;
};

// A space is the one that user programs run in while this lives.
class Loaded {
 public:
  explicit Loaded(const AddressSpace& space) { load(space.root()); }
  ~Loaded() { load(kernel_root()); }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;

 private:
  static void load(PhysAddr root) {
    UserMode::load_root(root);
    UserMode::forget_user_translations();
  }
};

inline OwnedFrame a_frame(Zone zone = Zone::kBeyond) {
  return OwnedFrame::allocate(zone).value();
}

// The bytes that a user program reads from `va` on, or "" from the first on that it may not read.
inline std::string read_user(VirtAddr va, std::size_t size) {
  std::string text;
  for (; text.size() < size; va = va + 1) {
    const auto page = mmu().user_page(va);
    if (!page) return "";
    text += bytes_of(Frame::containing(page->address).start())[page->address.raw() % kPageSize];
  }
  return text;
}

// The whole of a frame, as text.
inline std::string text_of(PhysAddr frame) {
  return {bytes_of(frame).data(), kPageSize};
}

inline constexpr PageFlags kUserData{.write = true, .user = true};
inline constexpr PageFlags kUserConstants{.user = true};
inline constexpr PageFlags kUserCode{.execute = true, .user = true};

inline const std::string kZeros(kPageSize, '\0');
