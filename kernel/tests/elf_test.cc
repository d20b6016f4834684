// The parser of programs: what it makes of a good file, that each rule is there, and that no file brings it down.
#include "kernel/program/elf.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "kernel/tests/elf_file.h"
#include "kernel/tests/machine_test.h"

namespace {

// A file whose text has something else about it.
template <typename T>
std::string with_text(std::size_t field, std::type_identity_t<T> value) {
  return ElfFile().put_part<T>(0, field, value).outcome();
}

// A file with one more part, of one byte in memory and none in the file.
std::string with_part_at(std::uint64_t start, std::uint64_t memory_size = 1, std::uint32_t flags = kR) {
  return ElfFile()
      .add_part({.flags = flags, .offset = start % kPageSize, .start = start, .memory_size = memory_size})
      .outcome();
}

std::string with_thread_variables(const ElfFile::Part& part) {
  return ElfFile().add_part(part).outcome();
}

TEST(Elf, TellsWhatAProgramConsistsOf) {
  const auto program = ElfFile().parse().value();
  EXPECT_EQ(program.entry, VirtAddr{0x400000});
  ASSERT_EQ(program.segments().size(), 3u);
  const Segment& text = program.segments()[0];
  EXPECT_EQ(text.flags, (PageFlags{.execute = true, .user = true}));
  const Segment& rodata = program.segments()[1];
  EXPECT_EQ(rodata.flags, (PageFlags{.user = true}));
  const Segment& data = program.segments()[2];
  EXPECT_EQ(data.flags, (PageFlags{.write = true, .user = true}));
  EXPECT_EQ(data.file_offset, 0x3ff8u);
  EXPECT_EQ(data.file_size, 0x10u);
  EXPECT_EQ(data.start, VirtAddr{0x404ff8});
  EXPECT_EQ(data.memory_size, 0x2008u);
  EXPECT_EQ(data.end(), VirtAddr{0x407000});
}

TEST(Elf, EachProblemHasItsName) {
  const char* const names[] = {"truncated",
                               "not-elf",
                               "wrong-class",
                               "wrong-byte-order",
                               "wrong-version",
                               "wrong-type",
                               "wrong-machine",
                               "wrong-header-size",
                               "not-static",
                               "too-many-segments",
                               "no-segments",
                               "more-in-file-than-in-memory",
                               "misaligned",
                               "unreadable",
                               "write-and-execute",
                               "segment-out-of-place",
                               "segments-share-a-page",
                               "bad-thread-variables",
                               "bad-entry"};
  unsigned number = 0;
  for (const auto* expected : names) EXPECT_EQ(name(ElfProblem{static_cast<std::uint8_t>(number++)}), expected);
  EXPECT_EQ(name(ElfProblem{static_cast<std::uint8_t>(number)}), "unknown") << "or this test misses one";
}

// --- the file's header ---------------------------------------------------------------------------------------------

TEST(Elf, AFileMustHoldItsHeader) {
  for (std::size_t size = 0; size < 64; ++size) EXPECT_EQ(ElfFile().truncate(size).outcome(), "truncated") << size;
}

TEST(Elf, AFileMustBeginAsElf) {
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(ElfFile().put<std::uint8_t>(i, 0).outcome(), "not-elf") << i;
}

TEST(Elf, AFileMustBeFor64BitsInLittleEndian) {
  EXPECT_EQ(ElfFile().put<std::uint8_t>(4, 1).outcome(), "wrong-class");
  EXPECT_EQ(ElfFile().put<std::uint8_t>(5, 2).outcome(), "wrong-byte-order");
}

TEST(Elf, AFileMustBeOfVersion1) {
  EXPECT_EQ(ElfFile().put<std::uint8_t>(6, 0).outcome(), "wrong-version");
  EXPECT_EQ(ElfFile().put<std::uint32_t>(kVersion, 2).outcome(), "wrong-version");
}

TEST(Elf, AFileMustBeAProgramAtAFixedAddress) {
  for (const std::uint16_t type : {0, 1, 3, 4}) {
    EXPECT_EQ(ElfFile().put<std::uint16_t>(kType, type).outcome(), "wrong-type") << type;
  }
}

TEST(Elf, AFileMustBeForThisMachine) {
  EXPECT_EQ(ElfFile().outcome(kElfMachineAarch64), "wrong-machine");
  EXPECT_EQ(ElfFile().put<std::uint16_t>(kMachine, kElfMachineAarch64).outcome(), "wrong-machine");
  EXPECT_EQ(ElfFile().put<std::uint16_t>(kMachine, kElfMachineAarch64).outcome(kElfMachineAarch64), "ok");
}

TEST(Elf, HeadersMustHaveTheirSizes) {
  EXPECT_EQ(ElfFile().put<std::uint16_t>(kHeaderSize, 63).outcome(), "wrong-header-size");
  EXPECT_EQ(ElfFile().put<std::uint16_t>(kPartSize, 57).outcome(), "wrong-header-size");
}

TEST(Elf, HeadersOfPartsMustLieInTheFile) {
  EXPECT_EQ(ElfFile().truncate(kFirstPart + 3 * kOnePart - 1).outcome(), "truncated");
  const std::uint64_t size = ElfFile().bytes().size();
  for (const std::uint64_t offset : {size - 3 * kOnePart + 1, size, size + 1, 0 - kOnePart, ~std::uint64_t{0}}) {
    EXPECT_EQ(ElfFile().put<std::uint64_t>(kHeaders, offset).outcome(), "truncated") << offset;
  }
  EXPECT_EQ(ElfFile().put<std::uint16_t>(kPartCount, 0xffff).outcome(), "truncated");
}

TEST(Elf, HeadersOfPartsMayLieAtTheVeryEnd) {
  ElfFile file;
  const std::vector<std::byte> parts(file.bytes().begin() + kFirstPart,
                                     file.bytes().begin() + kFirstPart + 3 * kOnePart);
  file.put<std::uint64_t>(kHeaders, file.bytes().size());
  file.bytes().insert(file.bytes().end(), parts.begin(), parts.end());
  EXPECT_EQ(file.outcome(), "ok");
}

// --- the parts -----------------------------------------------------------------------------------------------------

TEST(Elf, AProgramHasSegments) {
  EXPECT_EQ(ElfFile().put<std::uint16_t>(kPartCount, 0).outcome(), "no-segments");
  ElfFile notes;
  for (unsigned part = 0; part < 3; ++part) notes.put_part<std::uint32_t>(part, kPartType, 4);
  EXPECT_EQ(notes.outcome(), "no-segments");
}

TEST(Elf, AProgramHasAtMostEightSegments) {
  ElfFile file;
  for (std::uint64_t start = 0x500000; start < 0x505000; start += kPageSize) {
    file.add_part({.start = start, .memory_size = 1});
  }
  EXPECT_EQ(file.outcome(), "ok");
  EXPECT_EQ(file.parse()->segments().size(), 8u);
  EXPECT_EQ(file.add_part({.start = 0x600000, .memory_size = 1}).outcome(), "too-many-segments");
}

TEST(Elf, AProgramNeedsNoDynamicLinker) {
  for (const std::uint32_t type : {2, 3}) EXPECT_EQ(ElfFile().add_part({.type = type}).outcome(), "not-static") << type;
}

// Notes, the wish for a stack and the like: nothing of them is looked at.
TEST(Elf, PartsOfOtherTypesAreIgnored) {
  for (const std::uint32_t type : {0u, 4u, 6u, 8u, 0x6474e551u}) {
    const ElfFile::Part part{type, kX | kW, ~0ull, 0xffff'8000'0000'0000, ~0ull, 5};
    EXPECT_EQ(ElfFile().add_part(part).parse()->segments().size(), 3u) << type;
  }
}

TEST(Elf, EmptySegmentsAreIgnored) {
  const ElfFile::Part part{.flags = kX | kW, .offset = ~0ull, .start = 0xffff'8000'0000'0000};
  EXPECT_EQ(ElfFile().add_part(part).parse()->segments().size(), 3u);
}

TEST(Elf, ASegmentIsNoLargerInTheFileThanInMemory) {
  EXPECT_EQ(with_text<std::uint64_t>(kPartMemorySize, 0x22f), "more-in-file-than-in-memory");
  EXPECT_EQ(with_text<std::uint64_t>(kPartMemorySize, 0), "more-in-file-than-in-memory");
}

TEST(Elf, ASegmentMustLieInTheFile) {
  ElfFile file;
  EXPECT_EQ(file.put_part<std::uint64_t>(2, kPartFileSize, 0x11).outcome(), "truncated");
  EXPECT_EQ(file.put_part<std::uint64_t>(2, kPartOffset, 0x4008 - 0x10 + kPageSize).outcome(), "truncated");
  EXPECT_EQ(with_text<std::uint64_t>(kPartOffset, 0xffff'ffff'ffff'f000), "truncated") << "its end would wrap around";
  EXPECT_EQ(ElfFile().truncate(0x4007).outcome(), "truncated");
}

TEST(Elf, AFileOffsetAndItsAddressAgreeWithinThePage) {
  EXPECT_EQ(with_text<std::uint64_t>(kPartOffset, 0x1001), "misaligned");
  EXPECT_EQ(with_text<std::uint64_t>(kPartOffset, 0x800), "misaligned");
  EXPECT_EQ(with_text<std::uint64_t>(kPartOffset, 0x2000), "ok");
}

TEST(Elf, ASegmentMayBeRead) {
  EXPECT_EQ(with_text<std::uint32_t>(kPartFlags, kX), "unreadable");
  EXPECT_EQ(with_text<std::uint32_t>(kPartFlags, 0), "unreadable");
}

TEST(Elf, NothingMayBeWrittenAndExecuted) {
  EXPECT_EQ(with_text<std::uint32_t>(kPartFlags, kR | kW | kX), "write-and-execute");
}

TEST(Elf, OtherBitsOfTheFlagsMeanNothing) {
  EXPECT_EQ(with_text<std::uint32_t>(kPartFlags, 0xffff'fff8 | kR | kX), "ok");
}

TEST(Elf, PageZeroStaysFree) {
  for (const std::uint64_t start : {0, 1, 0xfff}) EXPECT_EQ(with_part_at(start), "segment-out-of-place") << start;
  EXPECT_EQ(with_part_at(0x1000), "ok");
}

TEST(Elf, ASegmentEndsInTheUserHalf) {
  EXPECT_EQ(with_part_at(kUserEnd - 1), "ok");
  EXPECT_EQ(with_part_at(kUserEnd - 1, 2), "segment-out-of-place");
  for (const std::uint64_t start : {kUserEnd, kUserEnd + 0xfff, kUserEnd + 0x1000, 0xffff'8000'0000'0000}) {
    EXPECT_EQ(with_part_at(start), "segment-out-of-place") << start;
  }
}

TEST(Elf, TheStackAndItsGuardStayFree) {
  EXPECT_EQ(with_part_at(kStackGuard - 1), "ok");
  EXPECT_EQ(with_part_at(kStackGuard - 1, 2), "segment-out-of-place");
  EXPECT_EQ(with_part_at(kStackGuard), "segment-out-of-place");
  EXPECT_EQ(with_part_at(kStackTop - 1), "segment-out-of-place");
  EXPECT_EQ(with_part_at(kStackTop), "ok");
  EXPECT_EQ(with_part_at(kStackGuard - 1, 0x10000), "segment-out-of-place") << "all around it";
}

TEST(Elf, ASegmentDoesNotWrapAround) {
  EXPECT_EQ(with_part_at(~0ull, 2), "segment-out-of-place");
  EXPECT_EQ(with_part_at(0x500000, ~0ull), "segment-out-of-place");
  EXPECT_EQ(with_part_at(0x500000, 0ull - 0x500000 + 0x1000), "segment-out-of-place") << "ends at 0x1000";
}

// The pages of the file: text 0x400, rodata 0x402, data 0x404 to 0x406.
TEST(Elf, SegmentsMayShareAPage) {
  EXPECT_EQ(with_part_at(0x400230), "ok") << "the rest of the text's page";
  EXPECT_EQ(with_part_at(0x401fff, 2), "ok") << "its last byte is in the page of rodata";
  EXPECT_EQ(with_part_at(0x404000, 1), "ok") << "the page in which data begins";
  EXPECT_EQ(with_part_at(0x404000, 1, kR | kW), "ok");
  EXPECT_EQ(with_part_at(0x400230, 1, kR | kX), "ok");
  EXPECT_EQ(with_part_at(0x402000, 1, kR | kX), "ok");
  EXPECT_EQ(with_part_at(0x402000, 1, kR | kW), "ok");
  EXPECT_EQ(with_part_at(0x400230, 0x4dd0), "ok")
      << "it shares a page with text and one with data, but no page with both";
}

TEST(Elf, NoPageIsWritableForOneSegmentAndExecutableForAnother) {
  EXPECT_EQ(with_part_at(0x400230, 1, kR | kW), "segments-share-a-page") << "the rest of the text's page";
  EXPECT_EQ(with_part_at(0x3fffff, 2, kR | kW), "segments-share-a-page") << "its last byte is in that page";
  EXPECT_EQ(with_part_at(0x300000, 0x200000, kR | kW), "segments-share-a-page") << "around them all";
  EXPECT_EQ(with_part_at(0x300000, 0x200000, kR | kX), "segments-share-a-page") << "around them all";
  EXPECT_EQ(with_part_at(0x404000, 1, kR | kX), "segments-share-a-page") << "the page in which data begins";
  EXPECT_EQ(with_part_at(0x406fff, 1, kR | kX), "segments-share-a-page") << "the page in which data ends";
  EXPECT_EQ(with_part_at(0x405000, 1, kR | kX), "segments-share-a-page") << "inside one";
}

TEST(Elf, NeighboursDoNotShareAPage) {
  EXPECT_EQ(with_part_at(0x3ff000, 0x1000, kR | kW), "ok") << "right below text";
  EXPECT_EQ(with_part_at(0x401000, 0x1000, kR | kW), "ok") << "right after it";
  EXPECT_EQ(with_part_at(0x403000, 0x1000, kR | kX), "ok") << "right below data";
  EXPECT_EQ(with_part_at(0x407000, 1, kR | kX), "ok") << "right after it";
}

// --- thread-local variables ----------------------------------------------------------------------------------------

TEST(Elf, TellsWhatTheThreadVariablesAre) {
  const auto program = ElfFile().add_part(thread_variables()).parse().value();
  EXPECT_EQ(program.segments().size(), 3u) << "they are no segment: each process has its own copy";
  EXPECT_EQ(program.thread_variables.file_offset, 0x3ff8u);
  EXPECT_EQ(program.thread_variables.file_size, 8u);
  EXPECT_EQ(program.thread_variables.memory_size, 0x20u);
  EXPECT_EQ(program.thread_variables.alignment, 16u);
  EXPECT_EQ(ElfFile().parse()->thread_variables.memory_size, 0u) << "without any";
}

TEST(Elf, ThreadVariablesAreNoneOfTheEightSegments) {
  ElfFile file;
  file.add_part(thread_variables());
  for (std::uint64_t start = 0x500000; start < 0x505000; start += kPageSize) {
    file.add_part({.start = start, .memory_size = 1});
  }
  EXPECT_EQ(file.outcome(), "ok");
}

// They are copied to where there is room: nobody needs the address and the flags.
TEST(Elf, ThreadVariablesNeedNoPlace) {
  ElfFile::Part part = thread_variables();
  part.start = 0xffff'8000'0000'0001;
  part.flags = kW | kX;
  EXPECT_EQ(with_thread_variables(part), "ok");
}

TEST(Elf, ThreadVariablesMustLieInTheFile) {
  ElfFile::Part part = thread_variables();
  part.offset = 0x4000;
  EXPECT_EQ(with_thread_variables(part), "ok") << "up to its last byte";
  for (const std::uint64_t offset : {0x4001ull, 0x4008ull, 0x4009ull, ~0ull, 0ull - 8}) {
    part.offset = offset;
    EXPECT_EQ(with_thread_variables(part), "truncated") << offset;
  }
  part = thread_variables();
  part.file_size = part.memory_size = 0x11;
  EXPECT_EQ(with_thread_variables(part), "truncated");
  part.file_size = part.memory_size = ~0ull;
  EXPECT_EQ(with_thread_variables(part), "truncated") << "its end would wrap around";
}

TEST(Elf, ThreadVariablesAreNoLargerInTheFileThanInMemory) {
  for (const std::uint64_t memory_size : {7, 1, 0}) {
    ElfFile::Part part = thread_variables();
    part.memory_size = memory_size;
    EXPECT_EQ(with_thread_variables(part), "more-in-file-than-in-memory") << memory_size;
  }
}

TEST(Elf, ThreadVariablesAreAlignedAsAPageCanBe) {
  ElfFile::Part part = thread_variables();
  for (const std::uint64_t alignment : {0, 1, 2, 64, 4096}) {
    part.alignment = alignment;
    const auto program = ElfFile().add_part(part).parse();
    ASSERT_TRUE(program) << alignment;
    EXPECT_EQ(program->thread_variables.alignment, std::max<std::uint64_t>(alignment, 1)) << "0 and 1 mean none";
  }
  for (const std::uint64_t alignment : {3ull, 24ull, 4095ull, 4097ull, 8192ull, 1ull << 63, ~0ull}) {
    part.alignment = alignment;
    EXPECT_EQ(with_thread_variables(part), "bad-thread-variables") << alignment;
  }
}

TEST(Elf, ThreadVariablesAreNotLargerThanTheUserHalf) {
  ElfFile::Part part = thread_variables();
  part.memory_size = kUserEnd;
  EXPECT_EQ(with_thread_variables(part), "ok") << "the loader finds that there is no room";
  for (const std::uint64_t size : {kUserEnd + 1, std::uint64_t{1} << 63, 0 - kPageSize, ~std::uint64_t{0}}) {
    part.memory_size = size;
    EXPECT_EQ(with_thread_variables(part), "bad-thread-variables") << size;
  }
}

TEST(Elf, ThereIsOneSetOfThreadVariables) {
  EXPECT_EQ(ElfFile().add_part(thread_variables()).add_part(thread_variables()).outcome(), "bad-thread-variables");
}

TEST(Elf, EmptyThreadVariablesAreIgnored) {
  const ElfFile::Part empty{.type = kThreadVariables, .offset = ~0ull, .start = ~0ull, .alignment = 3};
  EXPECT_EQ(ElfFile().add_part(empty).parse()->thread_variables.memory_size, 0u);
  EXPECT_EQ(ElfFile().add_part(empty).add_part(thread_variables()).add_part(empty).outcome(), "ok");
}

// --- where it begins -----------------------------------------------------------------------------------------------

TEST(Elf, TheEntryIsInAnExecutableSegment) {
  for (const std::uint64_t entry : {0x3fffffull, 0x400230ull, 0x402100ull, 0x404ff8ull, 0ull, ~0ull}) {
    EXPECT_EQ(ElfFile().put<std::uint64_t>(kEntry, entry).outcome(), "bad-entry") << entry;
  }
  EXPECT_EQ(ElfFile().put<std::uint64_t>(kEntry, 0x40022f).outcome(), "ok");
}

TEST(Elf, TheEntryIsAlignedAsTheMachineWants) {
  ElfFile file;
  file.put<std::uint64_t>(kEntry, 0x400002);
  EXPECT_EQ(file.outcome(), "ok");
  file.put<std::uint16_t>(kMachine, kElfMachineAarch64);
  EXPECT_EQ(file.outcome(kElfMachineAarch64), "bad-entry");
  EXPECT_EQ(file.put<std::uint64_t>(kEntry, 0x400004).outcome(kElfMachineAarch64), "ok");
}

// --- any file ------------------------------------------------------------------------------------------------------

// Each byte of the headers, changed to many values.
TEST(Elf, EachByteMayBeAnything) {
  for (std::size_t i = 0; i < kFirstPart + 4 * kOnePart; ++i) {
    for (unsigned value = 0; value < 256; value += 5) {
      ElfFile file;
      file.add_part(thread_variables());
      file.bytes()[i] = static_cast<std::byte>(value);
      const auto program = file.parse();
      EXPECT_EQ(program ? broken_rule(*program, file.bytes().size()) : "", "") << i;
    }
  }
}

}  // namespace
