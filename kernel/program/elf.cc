#include "kernel/program/elf.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "kernel/space/user_layout.h"

namespace {

// The file's header, Elf64_Ehdr.
struct FileHeader {
  std::array<std::uint8_t, 4> magic;
  std::uint8_t file_class, byte_order, ident_version;
  std::array<std::uint8_t, 9> rest_of_ident;
  std::uint16_t type, machine;
  std::uint32_t version;
  std::uint64_t entry, program_headers, section_headers;
  std::uint32_t flags;
  std::uint16_t header_size, program_header_size, program_header_count;
  std::uint16_t section_header_size, section_header_count, section_names;
};
static_assert(sizeof(FileHeader) == 64);

constexpr std::array<std::uint8_t, 4> kMagic{0x7f, 'E', 'L', 'F'};
constexpr std::uint8_t kClass64 = 2;
constexpr std::uint8_t kLittleEndian = 1;
constexpr std::uint8_t kVersion = 1;
constexpr std::uint16_t kTypeExecutable = 2;

// The header of a part of the program, Elf64_Phdr.
struct ProgramHeader {
  std::uint32_t type, flags;
  std::uint64_t file_offset, start, physical_start, file_size, memory_size, alignment;
};
static_assert(sizeof(ProgramHeader) == 56);

constexpr std::uint32_t kTypeLoad = 1;
constexpr std::uint32_t kTypeDynamic = 2;
constexpr std::uint32_t kTypeInterpreter = 3;
constexpr std::uint32_t kTypeThreadVariables = 7;
constexpr std::uint32_t kExecute = 1 << 0;
constexpr std::uint32_t kWrite = 1 << 1;
constexpr std::uint32_t kRead = 1 << 2;

// A rule that is broken, or nothing.
using Verdict = std::optional<ElfProblem>;

// Whether `size` bytes at `offset` lie in a file of `file_size` bytes. No sum of the file's numbers: it could overflow.
bool is_inside(std::uint64_t file_size, std::uint64_t offset, std::uint64_t size) {
  return offset <= file_size && size <= file_size - offset;
}

// Copies a header out, for the file may lie at any address. Nothing if it reaches beyond the file.
template <typename Header>
std::optional<Header> read(std::span<const std::byte> file, std::uint64_t offset) {
  if (!is_inside(file.size(), offset, sizeof(Header))) return std::nullopt;
  Header header;
  std::memcpy(&header, file.data() + offset, sizeof header);
  return header;
}

Verdict check_file(const FileHeader& header, std::uint16_t machine) {
  if (header.magic != kMagic) return ElfProblem::kNotElf;
  if (header.file_class != kClass64) return ElfProblem::kWrongClass;
  if (header.byte_order != kLittleEndian) return ElfProblem::kWrongByteOrder;
  if (header.ident_version != kVersion || header.version != kVersion) return ElfProblem::kWrongVersion;
  if (header.type != kTypeExecutable) return ElfProblem::kWrongType;
  if (header.machine != machine) return ElfProblem::kWrongMachine;
  const bool has_our_headers =
      header.header_size == sizeof(FileHeader) && header.program_header_size == sizeof(ProgramHeader);
  if (!has_our_headers) return ElfProblem::kWrongHeaderSize;
  return std::nullopt;
}

// In page 0, beyond the user half, wrapped around, or where the stack and its guard are going to be.
bool is_out_of_place(const ProgramHeader& header) {
  if (header.start < kPageSize || !is_inside(layout::kUserEnd.raw(), header.start, header.memory_size)) return true;
  const VirtAddr start{header.start}, end = start + header.memory_size;
  return start < layout::kUserStackTop && end > layout::kUserStackGuard;
}

Verdict check_segment(const ProgramHeader& header, std::uint64_t file_size) {
  if (header.file_size > header.memory_size) return ElfProblem::kMoreInFileThanInMemory;
  if (!is_inside(file_size, header.file_offset, header.file_size)) return ElfProblem::kTruncated;
  if (header.file_offset % kPageSize != header.start % kPageSize) return ElfProblem::kMisaligned;
  if ((header.flags & kRead) == 0) return ElfProblem::kUnreadable;
  if ((header.flags & kWrite) != 0 && (header.flags & kExecute) != 0) return ElfProblem::kWriteAndExecute;
  return is_out_of_place(header) ? Verdict(ElfProblem::kSegmentOutOfPlace) : std::nullopt;
}

Segment segment_of(const ProgramHeader& header) {
  const PageFlags flags{.write = (header.flags & kWrite) != 0, .execute = (header.flags & kExecute) != 0, .user = true};
  const std::uint64_t alignment = std::max<std::uint64_t>(header.alignment, 1);
  return {header.file_offset, header.file_size, VirtAddr{header.start}, header.memory_size, flags, alignment};
}

bool share_a_page(const Segment& a, const Segment& b) {
  const Page last_of_a = Page::containing(a.end() - 1);
  const Page last_of_b = Page::containing(b.end() - 1);
  return Page::containing(a.start) <= last_of_b && Page::containing(b.start) <= last_of_a;
}

// Whether a page of both would be writable and executable.
bool exclude_each_other(const Segment& a, const Segment& b) {
  return share_a_page(a, b) && (a.flags.write || b.flags.write) && (a.flags.execute || b.flags.execute);
}

// Takes down where the thread-local variables are. Each process gets a copy of them, somewhere else.
Verdict add_thread_variables(Executable& program, const ProgramHeader& header, std::uint64_t file_size) {
  if (header.file_size > header.memory_size) return ElfProblem::kMoreInFileThanInMemory;
  if (header.memory_size == 0) return std::nullopt;
  if (!is_inside(file_size, header.file_offset, header.file_size)) return ElfProblem::kTruncated;
  const Segment variables = segment_of(header);
  const bool fits = (variables.alignment & (variables.alignment - 1)) == 0 && variables.alignment <= kPageSize &&
                    variables.memory_size <= layout::kUserEnd.raw();
  if (!fits || program.thread_variables.memory_size != 0) return ElfProblem::kBadThreadVariables;
  program.thread_variables = variables;
  return std::nullopt;
}

// Adds the part that `header` describes to `program`, if it belongs into memory.
Verdict add_part(Executable& program, const ProgramHeader& header, std::uint64_t file_size) {
  if (header.type == kTypeInterpreter || header.type == kTypeDynamic) return ElfProblem::kNotStatic;
  if (header.type == kTypeThreadVariables) return add_thread_variables(program, header, file_size);
  const bool is_empty = header.memory_size == 0 && header.file_size == 0;
  if (header.type != kTypeLoad || is_empty) return std::nullopt;
  if (const Verdict problem = check_segment(header, file_size)) return problem;
  const Segment segment = segment_of(header);
  for (const Segment& other : program.segments()) {
    if (exclude_each_other(segment, other)) return ElfProblem::kSegmentsShareAPage;
  }
  if (program.count == kMostSegments) return ElfProblem::kTooManySegments;
  program.places[program.count++] = segment;
  return std::nullopt;
}

// What the address of an instruction is a multiple of.
std::uint64_t instruction_alignment(std::uint16_t machine) {
  return machine == kElfMachineAarch64 ? 4 : 1;
}

bool is_entry(const Executable& program, VirtAddr entry) {
  for (const Segment& segment : program.segments()) {
    if (segment.flags.execute && entry >= segment.start && entry < segment.end()) return true;
  }
  return false;
}

}  // namespace

std::string_view name(ElfProblem problem) {
  switch (problem) {
    case ElfProblem::kTruncated: return "truncated";
    case ElfProblem::kNotElf: return "not-elf";
    case ElfProblem::kWrongClass: return "wrong-class";
    case ElfProblem::kWrongByteOrder: return "wrong-byte-order";
    case ElfProblem::kWrongVersion: return "wrong-version";
    case ElfProblem::kWrongType: return "wrong-type";
    case ElfProblem::kWrongMachine: return "wrong-machine";
    case ElfProblem::kWrongHeaderSize: return "wrong-header-size";
    case ElfProblem::kNotStatic: return "not-static";
    case ElfProblem::kTooManySegments: return "too-many-segments";
    case ElfProblem::kNoSegments: return "no-segments";
    case ElfProblem::kMoreInFileThanInMemory: return "more-in-file-than-in-memory";
    case ElfProblem::kMisaligned: return "misaligned";
    case ElfProblem::kUnreadable: return "unreadable";
    case ElfProblem::kWriteAndExecute: return "write-and-execute";
    case ElfProblem::kSegmentOutOfPlace: return "segment-out-of-place";
    case ElfProblem::kSegmentsShareAPage: return "segments-share-a-page";
    case ElfProblem::kBadThreadVariables: return "bad-thread-variables";
    case ElfProblem::kBadEntry: return "bad-entry";
  }
  return "unknown";
}

std::expected<Executable, ElfProblem> parse_executable(std::span<const std::byte> file, std::uint16_t machine) {
  const auto header = read<FileHeader>(file, 0);
  if (!header) return std::unexpected(ElfProblem::kTruncated);
  if (const Verdict problem = check_file(*header, machine)) return std::unexpected(*problem);

  Executable program{.entry = VirtAddr{header->entry}};
  for (std::size_t i = 0; i < header->program_header_count; ++i) {
    // The sum cannot wrap around: the headers before this one lay inside the file.
    const auto part = read<ProgramHeader>(file, header->program_headers + i * sizeof(ProgramHeader));
    if (!part) return std::unexpected(ElfProblem::kTruncated);
    if (const Verdict problem = add_part(program, *part, file.size())) return std::unexpected(*problem);
  }
  if (program.count == 0) return std::unexpected(ElfProblem::kNoSegments);
  const bool is_aligned_entry = program.entry.is_aligned(instruction_alignment(machine));
  if (!is_aligned_entry || !is_entry(program, program.entry)) return std::unexpected(ElfProblem::kBadEntry);
  return program;
}
