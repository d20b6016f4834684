// The small types that all else is made of: addresses, results, locks, facts.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <type_traits>

#include "kernel/base/addr.h"
#include "kernel/base/boot_parameters.h"
#include "kernel/base/print.h"
#include "kernel/base/result.h"
#include "kernel/sync/guarded.h"
#include "kernel/tests/machine_test.h"

namespace {

// Numbers and addresses, and addresses of different spaces, do not turn into each other.
static_assert(!std::is_convertible_v<std::uint64_t, PhysAddr> && !std::is_convertible_v<PhysAddr, std::uint64_t>);
static_assert(!std::is_constructible_v<PhysAddr, VirtAddr> && !std::is_constructible_v<VirtAddr, PhysAddr>);
static_assert(!std::is_constructible_v<Frame, std::uint64_t> && !std::is_constructible_v<Frame, PhysAddr>);

TEST(Addr, Rounds) {
  EXPECT_EQ(round_down(0x1fff, kPageSize), 0x1000u);
  EXPECT_EQ(round_up(0x1001, kPageSize), 0x2000u);
  EXPECT_EQ(round_up(0x1000, kPageSize), 0x1000u);
  EXPECT_EQ(round_up(0, kPageSize), 0u);
  EXPECT_TRUE(is_aligned(0, kPageSize));
  EXPECT_TRUE(VirtAddr{0x20'0000}.is_aligned(2 * kMiB));
  EXPECT_FALSE(VirtAddr{0x20'1000}.is_aligned(2 * kMiB));
}

TEST(Addr, Counts) {
  constexpr PhysAddr kStart{0x1000};
  EXPECT_EQ((kStart + 0x234).raw(), 0x1234u);
  EXPECT_EQ((kStart - 0x10).raw(), 0xff0u);
  EXPECT_EQ(kStart + 0x234 - kStart, 0x234u);
  EXPECT_LT(kStart, kStart + 1);
  EXPECT_EQ(VirtAddr{~std::uint64_t{0}} + 1, VirtAddr{0}) << "the end of the address space is 0";
}

TEST(Addr, PagesHoldTheirAddresses) {
  EXPECT_EQ(Page::containing(VirtAddr{0x5fff}).start(), VirtAddr{0x5000});
  EXPECT_EQ(Page::containing(VirtAddr{0x5000}), Page::containing(VirtAddr{0x5fff}));
  EXPECT_LT(Frame::containing(PhysAddr{0x5fff}), Frame::containing(PhysAddr{0x6000}));
}

Result<int> half_of(int number) {
  if (number % 2 != 0) return std::unexpected(Error::kMisaligned);
  return number / 2;
}

Result<int> quarter_of(int number) {
  const int half = TRY(half_of(number));
  return TRY(half_of(half));
}

Result<void> check_quarter(int number, bool& reached_end) {
  TRY(quarter_of(number));
  reached_end = true;
  return {};
}

TEST(Try, GivesTheValueOrReturnsTheError) {
  EXPECT_EQ(quarter_of(12), 3);
  EXPECT_EQ(outcome(quarter_of(6)), "misaligned");
  EXPECT_EQ(outcome(quarter_of(3)), "misaligned");
}

TEST(Try, PassesErrorsThroughFunctionsWithoutAValue) {
  bool reached_end = false;
  EXPECT_EQ(outcome(check_quarter(5, reached_end)), "misaligned");
  EXPECT_FALSE(reached_end);
  EXPECT_EQ(outcome(check_quarter(4, reached_end)), "ok");
  EXPECT_TRUE(reached_end);
}

Result<std::unique_ptr<int>> boxed(int number) {
  return std::make_unique<int>(number);
}

TEST(Try, MovesTheValueOut) {
  const auto moved = []() -> Result<std::unique_ptr<int>> { return TRY(boxed(7)); }();
  EXPECT_EQ(**moved, 7);
}

TEST(Error, EachHasAName) {
  EXPECT_EQ(name(Error::kNoMemory), "no-memory");
  EXPECT_EQ(name(Error::kAlreadyMapped), "already-mapped");
  EXPECT_EQ(name(Error::kNotMapped), "not-mapped");
  EXPECT_EQ(name(Error::kBadAddress), "bad-address");
  EXPECT_EQ(name(Error::kMisaligned), "misaligned");
}

TEST(Check, FailsWithItsCondition) {
  const auto check = [](int number) { CHECK(number == 1, 2, 3); };
  check(1);
  EXPECT_THROW(check(2), CheckFailed);
}

TEST(Guarded, KeepsInterruptsOffWhileLocked) {
  switch_on();
  Guarded<int> number;
  {
    const auto guard = number.lock();
    EXPECT_FALSE(host_cpu().interrupts);
  }
  EXPECT_TRUE(host_cpu().interrupts);
}

TEST(Guarded, LeavesInterruptsOffWhereTheyWereOff) {
  switch_on();
  Guarded<int> number;
  const IrqGuard outer;
  *number.lock() = 5;
  EXPECT_FALSE(host_cpu().interrupts);
  EXPECT_EQ(*number.lock(), 5);
}

TEST(Guarded, LockingTwiceIsABug) {
  switch_on();
  Guarded<int> number;
  {
    const auto guard = number.lock();
    EXPECT_THROW((void)number.lock(), CheckFailed);
    EXPECT_FALSE(host_cpu().interrupts) << "the first owner still holds it";
  }
  EXPECT_TRUE(host_cpu().interrupts);
  EXPECT_NO_THROW((void)number.lock());
}

TEST(Print, WritesFacts) {
  testing::internal::CaptureStdout();
  Fact("peek")
      .field("va", VirtAddr{0xffff'8000'0000'0000})
      .field("count", 1203)
      .field("value", Hex{0})
      .flag("ok", true);
  Line() << "frame " << PhysAddr{0x20'1000} << " is free";
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            "@peek va=0xffff800000000000 count=1203 value=0x0 ok=yes\nframe 0x201000 is free\n");
}

TEST(BootParameters, AreReadFromTheirPlace) {
  auto* place = static_cast<BootParameters*>(pointer_to(layout::kBootParameters));
  *place = {kBootParametersMagic, 0x1234, 256 * kMiB, 0, 5};
  std::memcpy(place + 1, "help\nrest", 9);
  EXPECT_EQ(boot_parameters().nonce, 0x1234u);
  EXPECT_EQ(boot_parameters().ram_bytes, 256 * kMiB);
  EXPECT_EQ(boot_script(), "help\n");

  place->script_bytes = kBootParametersSize - sizeof(BootParameters) + 1;
  EXPECT_EQ(boot_script(), "") << "it would reach beyond the parameters";
  place->magic = 0;
  EXPECT_EQ(boot_parameters().nonce, 0u);
  EXPECT_EQ(boot_parameters().ram_bytes, layout::kSmallestRam);
}

}  // namespace
