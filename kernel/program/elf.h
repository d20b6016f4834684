// Reads the header of a program: a static ELF file for 64 bits (System V ABI, chapters 4 and 5). Whoever wrote the file
// may be an enemy: each field that the kernel is going to use is checked here, and nothing is touched beyond the file.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "kernel/base/addr.h"
#include "kernel/paging/page_flags.h"

// What a file calls the machine it is for (e_machine).
inline constexpr std::uint16_t kElfMachineX86_64 = 62;
inline constexpr std::uint16_t kElfMachineAarch64 = 183;

// A part of the file that belongs into memory, at `start`. After its `file_size` bytes follow zeros.
struct Segment {
  std::uint64_t file_offset = 0;
  std::uint64_t file_size = 0;
  VirtAddr start;
  std::uint64_t memory_size = 0;
  PageFlags flags;              // always for user code
  std::uint64_t alignment = 1;  // of thread-local variables: a power of two, at most a page

  constexpr VirtAddr end() const { return start + memory_size; }
};

inline constexpr std::size_t kMostSegments = 8;

struct Executable {
  VirtAddr entry;
  std::array<Segment, kMostSegments> places{};
  std::size_t count = 0;
  Segment thread_variables{};  // their first values, and how many; empty if there are none

  std::span<const Segment> segments() const { return std::span(places).first(count); }
};

// Why a file is not a program that the kernel loads.
enum class ElfProblem : std::uint8_t {
  kTruncated,               // shorter than its header, or than what a header says is in it
  kNotElf,                  // does not begin as an ELF file
  kWrongClass,              // not for 64 bits
  kWrongByteOrder,          // not little endian
  kWrongVersion,            // of a version that there is not
  kWrongType,               // an object file, a library, or a program that can lie anywhere
  kWrongMachine,            // for another ISA
  kWrongHeaderSize,         // its headers have a size that ours have not
  kNotStatic,               // needs a dynamic linker
  kTooManySegments,         // more than kMostSegments
  kNoSegments,              // nothing belongs into memory
  kMoreInFileThanInMemory,  // a segment has a larger part in the file than in memory
  kMisaligned,              // file offset and address of a segment differ modulo the page size
  kUnreadable,              // a segment may not be read: no ISA here can map it so
  kWriteAndExecute,         // a segment may be written and executed
  kSegmentOutOfPlace,       // a segment is in page 0, beyond the user half, wraps around, or touches the stack
  kSegmentsShareAPage,      // so that a page would be writable for the one and executable for the other
  kBadThreadVariables,      // more than one set of them, or an alignment that no page has
  kBadEntry,                // the first instruction is not in an executable segment, or is misaligned
};

// A stable name for facts: "wrong-machine".
std::string_view name(ElfProblem problem);

// What `file` says about the program for `machine`, or what is wrong with it.
std::expected<Executable, ElfProblem> parse_executable(std::span<const std::byte> file, std::uint16_t machine);
