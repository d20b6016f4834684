// The kernel's own memcpy and its like, built here under other names (host.cmake), against the host's.
#include <gtest/gtest.h>

#include <array>
#include <cstring>
#include <numeric>

extern "C" {
void* kernel_memcpy(void* to, const void* from, std::size_t size);
void* kernel_memmove(void* to, const void* from, std::size_t size);
void* kernel_memset(void* to, int value, std::size_t size);
int kernel_memcmp(const void* a, const void* b, std::size_t size);
void* kernel_memchr(const void* in, int wanted, std::size_t size);
std::size_t kernel_strlen(const char* text);
}

namespace {

// Every alignment of both sides, and sizes around one and several rounds of eight words.
constexpr std::size_t kLongest = 200;
constexpr std::size_t kAlignments = 9;
using Bytes = std::array<unsigned char, kLongest + 2 * kAlignments>;

Bytes numbered(unsigned char first) {
  Bytes bytes;
  std::iota(bytes.begin(), bytes.end(), first);
  return bytes;
}

TEST(Memory, CopiesExactlyTheBytesAskedFor) {
  for (std::size_t to = 0; to < kAlignments; ++to) {
    for (std::size_t from = 0; from < kAlignments; ++from) {
      for (std::size_t size = 0; size < kLongest; ++size) {
        const Bytes source = numbered(1);
        Bytes ours = numbered(100), theirs = ours;
        ASSERT_EQ(kernel_memcpy(ours.data() + to, source.data() + from, size), ours.data() + to);
        std::memcpy(theirs.data() + to, source.data() + from, size);
        ASSERT_EQ(ours, theirs) << to << " " << from << " " << size;
      }
    }
  }
}

TEST(Memory, MovesWhatOverlaps) {
  for (std::size_t to = 0; to < kAlignments; ++to) {
    for (std::size_t from = 0; from < kAlignments; ++from) {
      for (std::size_t size = 0; size < kLongest; ++size) {
        Bytes ours = numbered(1), theirs = ours;
        kernel_memmove(ours.data() + to, ours.data() + from, size);
        std::memmove(theirs.data() + to, theirs.data() + from, size);
        ASSERT_EQ(ours, theirs) << to << " " << from << " " << size;
      }
    }
  }
}

TEST(Memory, FillsExactlyTheBytesAskedFor) {
  for (std::size_t to = 0; to < kAlignments; ++to) {
    for (std::size_t size = 0; size < kLongest; ++size) {
      Bytes ours = numbered(1), theirs = ours;
      ASSERT_EQ(kernel_memset(ours.data() + to, 0x1cc, size), ours.data() + to);
      std::memset(theirs.data() + to, 0xcc, size);
      ASSERT_EQ(ours, theirs) << to << " " << size;
    }
  }
}

TEST(Memory, ComparesAsUnsignedBytes) {
  EXPECT_GT(kernel_memcmp("\xff", "\x01", 1), 0);
  EXPECT_LT(kernel_memcmp("aab", "aac", 3), 0);
  EXPECT_EQ(kernel_memcmp("aab", "aac", 2), 0);
}

TEST(Memory, FindsAByteAndAnEnd) {
  const char text[] = "page\xff";
  EXPECT_EQ(kernel_memchr(text, 'g', 5), text + 2);
  EXPECT_EQ(kernel_memchr(text, 'g', 2), nullptr);
  EXPECT_EQ(kernel_memchr(text, 0xff, 5), text + 4);
  EXPECT_EQ(kernel_strlen(text), 5u);
}

}  // namespace
