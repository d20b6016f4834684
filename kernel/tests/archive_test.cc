// The archive of programs: what is found in it, and that it is believed only as far as it is right.
#include "kernel/program/archive.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "kernel/tests/archive_file.h"

namespace {

// The names in `archive`, each followed by a space. Looks at a copy that ends where the archive does, so that
// AddressSanitizer sees a read beyond it.
std::string names(const std::string& archive) {
  const std::vector<std::byte> copy(bytes_of(archive).begin(), bytes_of(archive).end());
  std::string found;
  ArchiveReader reader(copy);
  while (const auto entry = reader.next()) found += std::string(entry->name) + ' ';
  EXPECT_FALSE(reader.next()) << "an archive that has ended has ended";
  return found;
}

// The names in an archive of three files, the header of the second of which has `text` at `offset`.
std::string names_with(std::size_t offset, const std::string& text) {
  std::string second = file("second", "of three");
  put(second, offset, text);
  return names(file("first", "1") + second + file("third", "3") + kEnd);
}

TEST(Archive, ListsItsFilesInOrder) {
  EXPECT_EQ(names(file("hello", "text") + file("empty", "") + file("block", std::string(kBlock, 'x')) + kEnd),
            "hello empty block ");
}

TEST(Archive, FindsAFileByItsWholeName) {
  const std::string long_content(3 * kBlock + 7, 'y');
  const std::string archive = file("hello", "text") + file("hell", long_content) + file("last", "end") + kEnd;
  EXPECT_EQ(text_of(*find_file(bytes_of(archive), "hello")), "text");
  EXPECT_EQ(text_of(*find_file(bytes_of(archive), "hell")), long_content);
  EXPECT_EQ(text_of(*find_file(bytes_of(archive), "last")), "end");
  for (const auto* name : {"hel", "hello ", "", "Hello"}) EXPECT_FALSE(find_file(bytes_of(archive), name)) << name;
}

TEST(Archive, MayBeEmptyOrEndAnywhere) {
  EXPECT_EQ(names(""), "");
  EXPECT_EQ(names(kEnd), "");
  EXPECT_EQ(names(file("hello", "text")), "hello ") << "the empty blocks at the end are not needed";
  EXPECT_EQ(names(file("empty", "")), "empty ");
}

TEST(Archive, NothingBehindTheEndIsFound) {
  EXPECT_EQ(names(file("hello", "text") + kEnd + file("hidden", "text")), "hello ");
}

TEST(Archive, ATruncatedHeaderIsTheEnd) {
  const std::string archive = file("first", "1") + file("second", "2");
  for (std::size_t size = 2 * kBlock; size < 3 * kBlock; ++size) EXPECT_EQ(names(archive.substr(0, size)), "first ");
}

TEST(Archive, ATruncatedContentIsTheEnd) {
  const std::string archive = file("first", "1") + file("second", "of three");
  EXPECT_EQ(names(archive.substr(0, 3 * kBlock + 7)), "first ");
  EXPECT_EQ(names(archive.substr(0, 3 * kBlock + 8)), "first second ") << "only the filling is missing";
}

TEST(Archive, ASizeBeyondTheEndIsTheEnd) {
  EXPECT_EQ(names_with(124, size_field(kBlock * 5)), "first second ") << "all the rest";
  EXPECT_EQ(names_with(124, size_field(kBlock * 5 + 1)), "first ");
  EXPECT_EQ(names_with(124, "77777777777"), "first ");
}

TEST(Archive, ASizeMustBeAnOctalNumber) {
  EXPECT_EQ(names_with(124, "00000000008"), "first ");
  EXPECT_EQ(names_with(124, "0000000001x"), "first ");
  EXPECT_EQ(names_with(124, "0000000-001"), "first ");
  EXPECT_EQ(names_with(124, std::string("\0", 1)), "first ") << "no digit";
  EXPECT_EQ(names_with(124, "000000000010"), "first ") << "nothing ends it";
  EXPECT_EQ(names_with(124, std::string("\x80\0\0\0\0\0\0\0\0\0\0\1", 12)), "first ") << "GNU's binary sizes";
  EXPECT_EQ(names_with(124, "00000000010 "), "first second third ") << "a space may end it";
}

TEST(Archive, ANameMustEndInItsField) {
  EXPECT_EQ(names_with(0, std::string(99, 'n')), "first " + std::string(99, 'n') + " third ");
  EXPECT_EQ(names_with(0, std::string(100, 'n')), "first ");
}

TEST(Archive, MagicAndVersionMustBeRight) {
  EXPECT_EQ(names_with(257, "ustar "), "first ") << "GNU's older format";
  EXPECT_EQ(names_with(257, "Ustar"), "first ");
  EXPECT_EQ(names_with(263, "01"), "first ");
}

TEST(Archive, TheChecksumMustBeRight) {
  const std::string first = file("first", "1");
  for (std::size_t i = 0; i < kBlock; ++i) {
    std::string second = file("second", "2");
    second[i] = static_cast<char>(second[i] + 1);
    const bool is_space_behind_the_number = i == 155;
    EXPECT_EQ(names(first + second), is_space_behind_the_number ? "first second " : "first ") << i;
  }
}

TEST(Archive, AFileWithAWrongChecksumIsNotFound) {
  std::string flawed = file("flawed", "text");
  flawed[kBlock - 1] ^= 1;  // after all fields
  const std::string archive = flawed + file("sound", "text") + kEnd;
  EXPECT_FALSE(find_file(bytes_of(archive), "flawed"));
  EXPECT_TRUE(find_file(bytes_of(archive), "sound"));
}

TEST(Archive, TheChecksumCountsBytesAsUnsigned) {
  EXPECT_EQ(names_with(0, "\xff"), "first \xff\x65\x63ond third ");
}

TEST(Archive, PassesOverWhatIsNoPlainFile) {
  for (const auto* type : {"1", "2", "5", "L", "x"}) EXPECT_EQ(names_with(156, type), "first third ") << type;
  EXPECT_EQ(names_with(156, std::string("\0", 1)), "first second third ") << "how old archives mark a file";
  EXPECT_EQ(names_with(345, "folder"), "first third ");
  EXPECT_EQ(names_with(345, std::string(155, 'f')), "first third ");
}

}  // namespace
