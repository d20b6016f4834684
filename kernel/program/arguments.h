// What a program is called with: by custom its own name, then its arguments.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "kernel/base/result.h"
#include "kernel/space/address_space.h"
#include "kernel/space/user_layout.h"

class ArgumentList {
 public:
  static constexpr unsigned kMaximum = 16;
  static constexpr std::size_t kTextSize = 512;

  // Where put_on_stack() writes, up to layout::kUserStackTop.
  static constexpr VirtAddr kLowestOnStack = layout::kUserStackTop - kPageSize;

  // kTooLong if there are kMaximum already, or if the text does not fit.
  [[nodiscard]] Result<void> add(std::string_view argument);

  // Writes the arguments to the top of the stack of `space`, whose pages must be there, and returns the first stack
  // pointer. kNoSlot.
  Result<VirtAddr> put_on_stack(const AddressSpace& space) const;

 private:
  // All arguments one after the other, each with a 0 after it.
  std::string_view text() const { return {text_.data(), size_}; }

  std::array<char, kTextSize> text_{};
  std::size_t size_ = 0;
  unsigned count_ = 0;
};
