// What the judge and the engine say to each other. The judge is given: it has the tests, the allocator and the last
// word. The engine is a process of its own, which has what the student wrote, and nothing else of what is judged. Both
// see the same RAM.
//
// The judge sends a command. Until its answer arrives it serves what the engine asks for meanwhile: a frame, a look at
// the tables. So each side has one message to wait for at any time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "kernel/base/layout.h"
#include "kernel/paging/page_flags.h"

namespace apart {

enum class Word : std::uint32_t {
  // Commands. `format` says in which format the tables are.
  kMap,          // root, va, pa, flags, level
  kMapRange,     // root, va, pa, size, flags
  kLookup,       // root, va
  kLookupAll,    // root, count; the addresses are in the RAM of both, at kPlacesAt, and so are the answers
  kUnmap,        // root, va
  kProtect,      // root, va, flags
  kFind,         // va; the list is in the RAM of both, at kListAt
  kFindFrom,     // va
  kFindGap,      // from, size
  kInsert,       // start, end, protection, kind
  kRemove,       // start, end
  kProtectArea,  // start, end, protection

  // What the engine asks for on the way. The judge replies with kReply, or with kCheckFailed.
  kAllocate,      // zone
  kGiveBack,      // frame
  kShare,         // frame
  kTableWritten,  // if somebody watches
  kFlushed,       // va
  kFlushedAll,

  // What it answers to a command, at last.
  kDone,         // values
  kFailed,       // an Error
  kCheckFailed,  // text: the condition
  kTodo,         // lab; text: the function

  kReply,
};

struct Message {
  Word word;
  std::uint16_t format = 0;
  bool is_watched = false;  // whether the judge wants to look after each write to a table
  std::array<std::uint64_t, 6> values = {};
  char text[128] = {};
};

// The engine finds the other end of its socket, and the RAM, as these files.
inline constexpr int kSocket = 3, kRam = 4;

// Where both map the RAM: fixed, so that a pointer of one means the same to the other.
inline constexpr std::uint64_t kRamPlace = 0x4000'0000'0000;
// Of the RAM that no frame is in: how many owners each frame has that the judge hands out, a byte for each, so that the
// engine notices at once when it takes something else for a table; a list of areas; and places to look up.
inline constexpr std::size_t kOwnersAt = 0, kListAt = 64 * kKiB, kPlacesAt = 128 * kKiB;

struct Place {
  std::uint64_t va;
  std::uint64_t address = 0, size = 0, flags = 0;  // the answer; `size` is 0 if there is nothing
};
inline constexpr std::size_t kMostPlaces = 2048;
inline Place* places() {
  return reinterpret_cast<Place*>(kRamPlace + kPlacesAt);
}

// What flags_from_number() takes back.
constexpr std::uint64_t number_of(PageFlags flags) {
  return (flags.write ? 1 : 0) | (flags.execute ? 2 : 0) | (flags.user ? 4 : 0) | (flags.global ? 8 : 0) |
         (flags.memory == MemoryType::kDevice ? 16 : 0);
}

// Sends and receives whole messages. False if nobody is at the other end any more; receive() also if something else
// came than a message (errno is EBADMSG then), or nothing in time (EAGAIN).
bool send(int socket, const Message& message);
bool receive(int socket, Message& message);

}  // namespace apart
