// Starting a program: from a file of the archive to a process that is ready to run.
#pragma once

#include <array>
#include <string_view>

#include "kernel/base/result.h"
#include "kernel/proc/process.h"

// What a program is called with: by custom its own name, then its arguments.
class ArgumentList {
 public:
  static constexpr unsigned kMaximum = 16;
  static constexpr std::size_t kTextSize = 512;

  // kTooLong if there are kMaximum already, or if the text does not fit.
  [[nodiscard]] Result<void> add(std::string_view argument);

  unsigned count() const { return count_; }
  // All arguments one after the other, each with a 0 behind it.
  std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, kTextSize> text_{};
  std::size_t size_ = 0;
  unsigned count_ = 0;
};

// Starts the program as a child of `parent`; it is ready to run. kNoProgram, kNotExecutable, kNoProcess, kNoMemory,
// kNoSlot:
// then nothing is left of it.
Result<Process*> start_program(Process& parent, std::string_view program, const ArgumentList& arguments);
