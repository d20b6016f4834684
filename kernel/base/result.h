// What may fail returns Result<T>: a value or one of these errors, never a magic number.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>
#include <type_traits>
#include <utility>

enum class Error : std::uint8_t {
  kNoMemory,       // no frame is left (or the test harness made this allocation fail)
  kAlreadyMapped,  // an entry maps this address already
  kNotMapped,      // no entry maps this address
  kBadAddress,     // the paging format cannot translate this address, or it is not the user's
  kMisaligned,     // not a multiple of the page or block size
  kNoSlot,         // every temporary mapping is in use
  kNoProgram,      // the archive has no such program
  kNotExecutable,  // not an executable file for this machine
  kNoProcess,      // every process slot is taken
  kNoChild,        // the process has no such child
  kTooLong,        // an argument list or a name does not fit
  kNoArea,         // nothing is promised at this address
  kNotPermitted,   // what is promised there does not permit this access
  kTooManyAreas,   // the list of areas is full
};

constexpr std::string_view name(Error error) {
  switch (error) {
    case Error::kNoMemory: return "no-memory";
    case Error::kAlreadyMapped: return "already-mapped";
    case Error::kNotMapped: return "not-mapped";
    case Error::kBadAddress: return "bad-address";
    case Error::kMisaligned: return "misaligned";
    case Error::kNoSlot: return "no-slot";
    case Error::kNoProgram: return "no-such-program";
    case Error::kNotExecutable: return "not-executable";
    case Error::kNoProcess: return "no-process-slot";
    case Error::kNoChild: return "no-such-child";
    case Error::kTooLong: return "too-long";
    case Error::kNoArea: return "no-area";
    case Error::kNotPermitted: return "not-permitted";
    case Error::kTooManyAreas: return "too-many-areas";
  }
  return "unknown";
}

template <typename T>
using Result = std::expected<T, Error>;

// The value inside `result`, moved out; nothing for Result<void>.
template <typename T>
constexpr T take(Result<T>& result) {
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// The value of `expression`, a Result; if that is an error, the function around it returns the error.
#define TRY(expression)                                                \
  ({                                                                   \
    auto result_of_try = (expression);                                 \
    if (!result_of_try) return std::unexpected(result_of_try.error()); \
    take(result_of_try);                                               \
  })
