// What every test of frames and tables starts from: a machine just switched on.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ostream>
#include <string_view>

#include "kernel/base/addr.h"
#include "kernel/base/layout.h"
#include "kernel/base/result.h"
#include "kernel/frames/frame_allocator.h"
#include "kernel/paging/page_flags.h"
#include "kernel/tests/machine.h"

// RAM is full of rubbish, and no frame is in use.
inline void switch_on() {
  host_cpu() = {};
  std::memset(pointer_to(kFirstFrame), 0xa5, layout::kWindowEnd - kFirstFrame);
  std::ranges::fill(owners(), 0);
  auto allocator = frames().lock();
  *allocator = {};
  allocator->initialise(kFirstFrame, layout::kWindowEnd, kLastFrameEnd);
}

class MachineTest : public testing::Test {
 protected:
  MachineTest() { switch_on(); }
};

inline FrameCounts frame_counts() {
  return frames().lock()->counts();
}

// "ok", or the error's name.
template <typename T>
std::string_view outcome(const Result<T>& result) {
  return result ? "ok" : name(result.error());
}

// How a failed test prints an address.
template <typename Space>
void PrintTo(Address<Space> address, std::ostream* out) {
  *out << "0x" << std::hex << address.raw() << std::dec;
}

// The same for flags. Every test that compares flags must see this one: the linker keeps what one of the files makes of
// printing them, for all.
inline void PrintTo(const PageFlags& flags, std::ostream* out) {
  *out << 'r' << (flags.write ? "w" : "") << (flags.execute ? "x" : "") << (flags.user ? "u" : "")
       << (flags.global ? "g" : "") << (flags.memory == MemoryType::kDevice ? "d" : "");
}
