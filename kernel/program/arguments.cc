#include "kernel/program/arguments.h"

#include <algorithm>
#include <span>

#include "kernel/space/user_copy.h"

Result<void> ArgumentList::add(std::string_view argument) {
  if (count_ == kMaximum || argument.size() >= text_.size() - size_) return std::unexpected(Error::kTooLong);
  std::ranges::copy(argument, text_.begin() + size_);
  size_ += argument.size() + 1;  // the array is full of zeros
  ++count_;
  return {};
}

// As the System V ABI has it ("Process Initialization"):
//
//   sp -> | count | pointer ... | 0 | 0 (no environment) | 0 0 (no auxiliary vector) | the strings | kUserStackTop
Result<VirtAddr> ArgumentList::put_on_stack(const AddressSpace& space) const {
  constexpr std::size_t kMostWords = 1 + kMaximum + 4;
  static_assert(kTextSize + kMostWords * sizeof(std::uint64_t) + 16 <= layout::kUserStackTop - kLowestOnStack);

  const VirtAddr strings = layout::kUserStackTop - round_up(size_, sizeof(std::uint64_t));
  std::array<std::uint64_t, kMostWords> words{count_};
  std::size_t next = 0;
  for (unsigned i = 1; i <= count_; ++i) {
    words[i] = (strings + next).raw();
    next = text().find('\0', next) + 1;
  }
  const std::span used(words.data(), 1 + count_ + 4);
  const VirtAddr sp{round_down((strings - used.size_bytes()).raw(), 16)};
  TRY(fill_user(space, strings, std::as_bytes(std::span(text()))));
  TRY(fill_user(space, sp, std::as_bytes(used)));
  return sp;
}
