// A program's file that can be changed in all ways, and what the kernel relies on if it is accepted.
#pragma once

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "kernel/program/elf.h"
#include "kernel/space/user_layout.h"

inline constexpr std::uint64_t kUserEnd = 0x7fff'ffff'f000;
static_assert(layout::kUserEnd.raw() == kUserEnd);
inline constexpr std::uint64_t kStackTop = 0x4000'0000, kStackGuard = kStackTop - 0x5000;  // 16 KiB, and a guard
static_assert(layout::kUserStackTop.raw() == kStackTop && layout::kUserStackGuard.raw() == kStackGuard);

// Where the fields lie, written down from the System V ABI once more: chapter 4, Figure 4-3, and chapter 5, Figure 5-1.
inline constexpr std::size_t kType = 16, kMachine = 18, kVersion = 20, kEntry = 24, kHeaders = 32, kHeaderSize = 52,
                             kPartSize = 54, kPartCount = 56;
inline constexpr std::size_t kPartType = 0, kPartFlags = 4, kPartOffset = 8, kPartStart = 16, kPartFileSize = 32,
                             kPartMemorySize = 40, kPartAlignment = 48;
inline constexpr std::size_t kFirstPart = 64, kOnePart = 56;

// Of the flags of a part.
inline constexpr std::uint32_t kX = 1, kW = 2, kR = 4;

// The type of the part that says what the thread-local variables are at first (ELF Handling For Thread-Local Storage).
inline constexpr std::uint32_t kThreadVariables = 7;

// A file to be changed in all ways. It begins as a program of three parts.
//
//   0x000 header      0x1000 text, 0x230 bytes      0x2100 rodata, 0x80 bytes     0x3ff8 data, 0x10 bytes
//   0x040 its parts   at 0x400000                   at 0x402100                   at 0x404ff8, and zeros up to 0x407000
class ElfFile {
 public:
  ElfFile() : bytes_(0x4008) {
    const unsigned char ident[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};  // 64 bits, little endian, version 1
    std::memcpy(bytes_.data(), ident, sizeof ident);
    put<std::uint16_t>(kType, 2);
    put<std::uint16_t>(kMachine, kElfMachineX86_64);
    put<std::uint32_t>(kVersion, 1);
    put<std::uint64_t>(kEntry, 0x400000);
    put<std::uint64_t>(kHeaders, kFirstPart);
    put<std::uint16_t>(kHeaderSize, 64);
    put<std::uint16_t>(kPartSize, 56);
    add_part({.flags = kR | kX, .offset = 0x1000, .start = 0x400000, .file_size = 0x230, .memory_size = 0x230});
    add_part({.flags = kR, .offset = 0x2100, .start = 0x402100, .file_size = 0x80, .memory_size = 0x80});
    add_part({.flags = kR | kW, .offset = 0x3ff8, .start = 0x404ff8, .file_size = 0x10, .memory_size = 0x2008});
  }

  struct Part {
    std::uint32_t type = 1;
    std::uint32_t flags = kR;
    std::uint64_t offset = 0, start = 0, file_size = 0, memory_size = 0, alignment = 1;
  };

  ElfFile& add_part(const Part& part) {
    const auto count = get<std::uint16_t>(kPartCount);
    put<std::uint16_t>(kPartCount, count + 1);
    put_part(count, kPartType, part.type);
    put_part(count, kPartFlags, part.flags);
    put_part(count, kPartOffset, part.offset);
    put_part(count, kPartStart, part.start);
    put_part(count, kPartFileSize, part.file_size);
    put_part(count, kPartMemorySize, part.memory_size);
    put_part(count, kPartAlignment, part.alignment);
    return *this;
  }

  template <typename T>
  ElfFile& put(std::size_t offset, std::type_identity_t<T> value) {
    std::memcpy(&bytes_.at(offset), &value, sizeof(T));
    return *this;
  }

  template <typename T>
  ElfFile& put_part(std::size_t part, std::size_t offset, T value) {
    return put<T>(kFirstPart + part * kOnePart + offset, value);
  }

  template <typename T>
  T get(std::size_t offset) const {
    T value;
    std::memcpy(&value, &bytes_.at(offset), sizeof(T));
    return value;
  }

  ElfFile& truncate(std::size_t size) {
    bytes_.resize(size);
    return *this;
  }

  std::vector<std::byte>& bytes() { return bytes_; }

  // Parses a copy that ends where the file does, so that AddressSanitizer sees a read beyond it. It begins at an odd
  // address: a file in an archive may lie anywhere.
  std::expected<Executable, ElfProblem> parse(std::uint16_t machine = kElfMachineX86_64) const {
    std::vector<std::byte> copy(1 + bytes_.size());
    std::copy(bytes_.begin(), bytes_.end(), copy.begin() + 1);
    return parse_executable(std::span(copy).subspan(1), machine);
  }

  // "ok", or the name of the problem.
  std::string outcome(std::uint16_t machine = kElfMachineX86_64) const {
    const auto program = parse(machine);
    return program ? "ok" : std::string(name(program.error()));
  }

 private:
  std::vector<std::byte> bytes_;
};

// The part of a file's thread-local variables: eight bytes of data, and zeros.
inline ElfFile::Part thread_variables() {
  return {kThreadVariables, kR, 0x3ff8, 0x404ff8, 8, 0x20, 16};
}

// --- the rules
// --------------------------------------------------------------------------------------------------------

// The segment's first page and its last, as numbers.
struct Pages {
  explicit Pages(const Segment& segment)
      : first(segment.start.raw() / kPageSize), last((segment.end().raw() - 1) / kPageSize) {}
  std::uint64_t first, last;
};

// What the kernel relies on in one segment and does not find, or "".
inline std::string broken_rule(const Segment& segment, std::uint64_t file_size) {
  using Wide = unsigned __int128;  // in which nothing wraps around
  const Wide start = segment.start.raw();
  if (Wide{segment.file_offset} + segment.file_size > file_size) return "not in the file";
  if (start + segment.memory_size > kUserEnd || start < kPageSize) return "not in the user half";
  if (start < kStackTop && start + segment.memory_size > kStackGuard) return "on the stack";
  if (segment.memory_size == 0 || segment.file_size > segment.memory_size) return "sizes";
  if ((segment.start.raw() ^ segment.file_offset) % kPageSize != 0) return "alignment";
  if (!segment.flags.user || (segment.flags.write && segment.flags.execute)) return "permissions";
  return "";
}

// The same for thread-local variables, if there are any.
inline std::string broken_rule_of_variables(const Segment& variables, std::uint64_t file_size) {
  using Wide = unsigned __int128;
  if (Wide{variables.file_offset} + variables.file_size > file_size && variables.file_size > 0)
    return "not in the file";
  if (variables.file_size > variables.memory_size || variables.memory_size > kUserEnd) return "sizes";
  const bool is_power_of_two = std::has_single_bit(variables.alignment);
  return is_power_of_two && variables.alignment <= kPageSize ? "" : "alignment";
}

// The same for a program that was accepted.
inline std::string broken_rule(const Executable& program, std::uint64_t file_size) {
  if (program.count == 0 || program.count > kMostSegments) return "number of segments";
  bool has_entry = false;
  for (const Segment& segment : program.segments()) {
    if (const std::string broken = broken_rule(segment, file_size); !broken.empty()) return broken;
    has_entry |= segment.flags.execute && program.entry - segment.start < segment.memory_size;
    for (const Segment& other : program.segments()) {
      const Pages here(segment), there(other);
      const bool share = here.first <= there.last && there.first <= here.last;
      if (share && segment.flags.write && other.flags.execute) return "pages";
    }
  }
  return has_entry ? broken_rule_of_variables(program.thread_variables, file_size) : "entry";
}
