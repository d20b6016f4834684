// What of a program's file gets into a page: nothing more, nothing less, wherever its parts begin and end.
#include "kernel/space/memory_map.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernel/tests/machine_test.h"

namespace {

constexpr VirtAddr kStart{0x40'0000};
constexpr char kUntouched = '.';

// A map of parts, each of so many bytes: the first of all 'a', 'b', 'c', the second of all 'A', 'B', 'C', the third of
// digits. Bytes next to each other differ, and those of different parts do as well.
class File {
 public:
  File& add_part(VirtAddr start, std::size_t size) {
    const std::string letters[] = {"abcdefghijklmnopqrstuvwxyz", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "0123456789"};
    const std::string& alphabet = letters[parts_.size()];
    Part& part = parts_.emplace_back(start, std::vector<std::byte>(size));
    for (std::size_t i = 0; i < size; ++i) part.bytes[i] = static_cast<std::byte>(alphabet[i % alphabet.size()]);
    return *this;
  }

  // The bytes of `part` from the one at `offset` on.
  std::string text(std::size_t part, std::size_t offset, std::size_t size) const {
    const auto* begin = reinterpret_cast<const char*>(parts_.at(part).bytes.data());
    EXPECT_LE(offset + size, parts_.at(part).bytes.size());
    return {begin + offset, size};
  }

  // What copy_file() makes of a page. On both sides of it is memory that is not its own.
  std::string page(VirtAddr start) const {
    MemoryMap map;
    std::size_t count = 0;
    for (const Part& part : parts_) map.file.at(count++) = {part.start, part.bytes};
    std::vector<std::byte> memory(3 * kPageSize, static_cast<std::byte>(kUntouched));
    map.copy_file(Page::containing(start), std::span(memory).subspan<kPageSize, kPageSize>());
    const std::string all(reinterpret_cast<const char*>(memory.data()), memory.size());
    EXPECT_EQ(all.substr(0, kPageSize), untouched(kPageSize)) << "below the page";
    EXPECT_EQ(all.substr(2 * kPageSize), untouched(kPageSize)) << "after the page";
    return all.substr(kPageSize, kPageSize);
  }

  static std::string untouched(std::size_t size) { return std::string(size, kUntouched); }

 private:
  // Each in memory of its own size, so that AddressSanitizer sees a read beyond it.
  struct Part {
    VirtAddr start;
    std::vector<std::byte> bytes;
  };
  std::vector<Part> parts_;
};

TEST(MemoryMap, NothingOfAFileWithoutParts) {
  EXPECT_EQ(File().page(kStart), File::untouched(kPageSize));
  EXPECT_EQ(File().page(VirtAddr{0}), File::untouched(kPageSize));
}

TEST(MemoryMap, NothingOfAPartOfNoBytes) {
  EXPECT_EQ(File().add_part(kStart + 8, 0).page(kStart), File::untouched(kPageSize));
}

TEST(MemoryMap, AWholePage) {
  const File file = File().add_part(kStart, kPageSize);
  EXPECT_EQ(file.page(kStart), file.text(0, 0, kPageSize));
  EXPECT_EQ(file.page(kStart - kPageSize), File::untouched(kPageSize)) << "the page before it";
  EXPECT_EQ(file.page(kStart + kPageSize), File::untouched(kPageSize)) << "the page after it";
}

TEST(MemoryMap, APartInsideAPage) {
  const File file = File().add_part(kStart + 0x100, 0x30);
  EXPECT_EQ(file.page(kStart), File::untouched(0x100) + file.text(0, 0, 0x30) + File::untouched(0xed0));
}

TEST(MemoryMap, APartAcrossPages) {
  const File file = File().add_part(kStart + 0xff8, 8 + kPageSize + 3);
  EXPECT_EQ(file.page(kStart - kPageSize), File::untouched(kPageSize));
  EXPECT_EQ(file.page(kStart), File::untouched(0xff8) + file.text(0, 0, 8));
  EXPECT_EQ(file.page(kStart + kPageSize), file.text(0, 8, kPageSize)) << "its middle";
  EXPECT_EQ(file.page(kStart + 2 * kPageSize), file.text(0, 8 + kPageSize, 3) + File::untouched(0xffd)) << "its end";
  EXPECT_EQ(file.page(kStart + 3 * kPageSize), File::untouched(kPageSize));
}

TEST(MemoryMap, OneByteAtEachEdgeOfThePage) {
  const File first = File().add_part(kStart, 1), last = File().add_part(kStart + 0xfff, 1);
  EXPECT_EQ(first.page(kStart), "a" + File::untouched(0xfff));
  EXPECT_EQ(last.page(kStart), File::untouched(0xfff) + "a");
  EXPECT_EQ(first.page(kStart - kPageSize), File::untouched(kPageSize));
  EXPECT_EQ(last.page(kStart + kPageSize), File::untouched(kPageSize));
}

TEST(MemoryMap, TwoPartsInOnePage) {
  const File file = File().add_part(kStart, 0x230).add_part(kStart + 0x300, 0x2000);
  EXPECT_EQ(file.page(kStart), file.text(0, 0, 0x230) + File::untouched(0xd0) + file.text(1, 0, 0xd00));
  EXPECT_EQ(file.page(kStart + kPageSize), file.text(1, 0xd00, kPageSize));
  EXPECT_EQ(file.page(kStart + 2 * kPageSize), file.text(1, 0x1d00, 0x300) + File::untouched(0xd00));
}

TEST(MemoryMap, PartsInAnyOrder) {
  const File file = File().add_part(kStart + 0x800, 0x10).add_part(kStart + kPageSize, 4).add_part(kStart + 0x7f8, 8);
  EXPECT_EQ(file.page(kStart),
            File::untouched(0x7f8) + file.text(2, 0, 8) + file.text(0, 0, 0x10) + File::untouched(0x7f0));
}

}  // namespace
