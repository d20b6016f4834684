#include "kernel/calls/user_arguments.h"

#include <algorithm>

#include "kernel/calls/error_numbers.h"
#include "kernel/process/scheduler.h"
#include "kernel/space/fault.h"
#include "kernel/space/user_copy.h"

Value error_number(Error error) {
  switch (error) {
    case Error::kNoMemory:
    case Error::kNoSlot: return -error_numbers::kENOMEM;
    case Error::kBadAddress: return -error_numbers::kEFAULT;
    case Error::kNoProgram: return -error_numbers::kENOENT;
    case Error::kNotExecutable: return -error_numbers::kENOEXEC;
    case Error::kNoProcess: return -error_numbers::kEAGAIN;
    case Error::kNoChild: return -error_numbers::kECHILD;
    case Error::kTooLong: return -error_numbers::kE2BIG;
    case Error::kAlreadyMapped:
    case Error::kNotMapped:
    case Error::kMisaligned: return -error_numbers::kEINVAL;
    case Error::kNoArea:
    case Error::kNotPermitted: return -error_numbers::kEFAULT;
    case Error::kTooManyAreas: return -error_numbers::kENOMEM;
  }
  return -error_numbers::kEINVAL;
}

// The value of a result, or its error number.
Value value_of(const Result<Value>& result) {
  return result ? *result : error_number(result.error());
}

// The memory of the current process: what a system call is given, and what it gives back.
Result<void> get(std::span<std::byte> to, VirtAddr from) {
  TRY(resolve_range(*current().space, from, to.size(), Access::kRead));
  return copy_from_user(*current().space, to, from);
}

Result<void> give(VirtAddr to, std::span<const std::byte> from) {
  TRY(resolve_range(*current().space, to, from.size(), Access::kWrite));
  return copy_to_user(*current().space, to, from);
}

Result<void> expect_writable(VirtAddr to) {
  TRY(resolve_range(*current().space, to, 1, Access::kWrite));
  const auto place = current().space->lookup(to);
  if (!place || !place->flags.write) return std::unexpected(Error::kBadAddress);
  return {};
}

// A string of the user's, with its 0, into `buffer`. kTooLong if it does not fit. The buffer is filled page by page,
// so that a string may end right before a page that is not the user's.
Result<std::string_view> get_string(std::span<char> buffer, VirtAddr from) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const VirtAddr at = from + done;
    const auto piece = buffer.subspan(done, within_page(at, buffer.size() - done));
    TRY(get(std::as_writable_bytes(piece), at));
    const auto end = std::ranges::find(piece, '\0');
    done += static_cast<std::size_t>(end - piece.begin());
    if (end != piece.end()) return std::string_view(buffer.data(), done);
  }
  return std::unexpected(Error::kTooLong);
}

// The arguments that the user's array points to, up to the null pointer after the last. No array is an empty one.
Result<ArgumentList> get_arguments(VirtAddr array) {
  ArgumentList list;
  std::array<char, ArgumentList::kTextSize> buffer;
  while (array != VirtAddr{}) {
    std::uint64_t pointer = 0;
    TRY(get(std::as_writable_bytes(std::span(&pointer, 1)), array));
    if (pointer == 0) break;
    TRY(list.add(TRY(get_string(buffer, VirtAddr{pointer}))));
    array = array + sizeof(pointer);
  }
  return list;
}
