#include "kernel/proc/archive.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

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

// An octal number: digits, and behind them a zero byte or a space. With at most 11 digits it is below 2^33.
std::optional<std::uint64_t> number_of(Header header, Field field) {
  const std::string_view characters = characters_of(header, field);
  const std::size_t length = characters.find_first_not_of("01234567");
  if (length == 0 || length == std::string_view::npos) return std::nullopt;
  if (characters[length] != '\0' && characters[length] != ' ') return std::nullopt;
  std::uint64_t value = 0;
  for (const char digit : characters.substr(0, length)) value = value * 8 + (digit - '0');
  return value;
}

// The sum of the header's bytes, those of the checksum counted as spaces. Eight bytes are added at a time, in four
// lanes of 16 bits, which hold the sum of 512 bytes: a program is found behind many headers.
std::uint64_t checksum_of(Header header) {
  constexpr std::uint64_t kEvenBytes = 0x00ff'00ff'00ff'00ff;
  std::uint64_t lanes = 0;
  for (std::size_t i = 0; i < kBlock; i += sizeof(std::uint64_t)) {
    std::uint64_t word;
    std::memcpy(&word, header.data() + i, sizeof(word));
    lanes += (word & kEvenBytes) + (word >> 8 & kEvenBytes);
  }
  std::uint64_t sum = kChecksum.length * ' ';
  for (unsigned lane = 0; lane < 64; lane += 16) sum += lanes >> lane & 0xffff;
  for (const char c : characters_of(header, kChecksum)) sum -= static_cast<unsigned char>(c);
  return sum;
}

// A file in the archive's top folder. The build makes no others, so that a program has one name.
bool is_plain_file(Header header) {
  const char type = characters_of(header, kType)[0];
  return (type == '0' || type == '\0') && text_of(header, kPrefix) == "";
}

}  // namespace

std::optional<ArchiveEntry> ArchiveReader::next() {
  while (rest_.size() >= kBlock) {
    const Header header = rest_.first<kBlock>();
    const auto name = text_of(header, kName);
    const auto size = number_of(header, kSize);
    const bool is_header = std::ranges::equal(characters_of(header, kMagic), kMagicAndVersion) &&
                           number_of(header, kChecksum) == checksum_of(header);
    if (!is_header || !name || !size || *size > rest_.size() - kBlock) break;

    const auto content = rest_.subspan(kBlock, *size);
    rest_ = rest_.subspan(std::min(rest_.size(), kBlock + round_up(*size, kBlock)));
    if (is_plain_file(header)) return ArchiveEntry{*name, content};
  }
  return std::nullopt;
}

std::optional<std::span<const std::byte>> find_file(std::span<const std::byte> archive, std::string_view name) {
  ArchiveReader reader(archive);
  while (const auto entry = reader.next()) {
    if (entry->name == name) return entry->content;
  }
  return std::nullopt;
}
