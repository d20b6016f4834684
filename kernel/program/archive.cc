#include "kernel/program/archive.h"

#include <algorithm>
#include <array>
#include <cstdint>

#include "kernel/base/addr.h"

namespace {

// A header, and what each content is filled up to a multiple of.
constexpr std::size_t kBlock = 512;

// Where a field lies in the header, and how long it is.
struct Field {
  std::size_t offset, length;
};
constexpr Field kName{0, 100};
constexpr Field kSize{124, 12};
constexpr Field kChecksum{148, 8};
constexpr Field kType{156, 1};
constexpr Field kMagic{257, 8};  // and the version
constexpr Field kPrefix{345, 155};

constexpr std::array kMagicAndVersion{'u', 's', 't', 'a', 'r', '\0', '0', '0'};

using Header = std::span<const std::byte, kBlock>;

std::string_view characters_of(Header header, Field field) {
  return {reinterpret_cast<const char*>(header.data()) + field.offset, field.length};
}

// A text that ends before its field does.
std::optional<std::string_view> text_of(Header header, Field field) {
  const std::string_view characters = characters_of(header, field);
  const std::size_t length = characters.find('\0');
  if (length == std::string_view::npos) return std::nullopt;
  return characters.substr(0, length);
}

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

// An octal number: digits, and after them a zero byte or a space. With at most 11 digits it is below 2^33.
std::optional<std::uint64_t> number_of(Header header, Field field) {
  const std::string_view characters = characters_of(header, field);
  std::uint64_t value = 0;
  const auto* at = characters.begin();
  for (; at != characters.end() && is_octal(*at); ++at) value = value * 8 + (*at - '0');
  if (at == characters.begin() || at == characters.end()) return std::nullopt;
  if (*at != '\0' && *at != ' ') return std::nullopt;
  return value;
}

// The sum of the header's bytes, those of the checksum counted as spaces.
std::uint64_t checksum_of(Header header) {
  std::uint64_t sum = kChecksum.length * ' ';
#pragma GCC unroll 8  // or a thirtieth of what starting a program takes would be this loop
  for (const std::byte byte : header) sum += std::to_integer<unsigned>(byte);
  for (const char c : characters_of(header, kChecksum)) sum -= static_cast<unsigned char>(c);
  return sum;
}

bool is_intact(Header header) {
  return number_of(header, kChecksum) == checksum_of(header);
}

// A file in the archive's top folder. The build makes no others, so that a program has one name.
bool is_plain_file(Header header) {
  const char type = characters_of(header, kType)[0];
  return (type == '0' || type == '\0') && text_of(header, kPrefix) == "";
}

struct Member {
  Header header;
  ArchiveEntry entry;
};

// Takes a header, its content and what fills that up from the front of `rest`. Nothing, and `rest` as it was, if they
// are not there. Does not look at the checksum.
std::optional<Member> take_member(std::span<const std::byte>& rest) {
  if (rest.size() < kBlock) return std::nullopt;
  const Header header = rest.first<kBlock>();
  const auto name = text_of(header, kName);
  const auto size = number_of(header, kSize);
  const bool is_header = std::ranges::equal(characters_of(header, kMagic), kMagicAndVersion);
  if (!is_header || !name || !size || *size > rest.size() - kBlock) return std::nullopt;

  const auto content = rest.subspan(kBlock, *size);
  rest = rest.subspan(std::min(rest.size(), kBlock + round_up(*size, kBlock)));
  return Member{header, {*name, content}};
}

}  // namespace

std::optional<ArchiveEntry> ArchiveReader::next() {
  auto rest = rest_;
  while (const auto member = take_member(rest)) {
    if (!is_intact(member->header)) break;
    rest_ = rest;
    if (is_plain_file(member->header)) return member->entry;
  }
  return std::nullopt;
}

// Only the header of the file itself must be intact: checking those before it would cost more than starting a program.
std::optional<std::span<const std::byte>> find_file(std::span<const std::byte> archive, std::string_view name) {
  while (const auto member = take_member(archive)) {
    if (member->entry.name != name || !is_plain_file(member->header)) continue;
    return is_intact(member->header) ? std::optional(member->entry.content) : std::nullopt;
  }
  return std::nullopt;
}
