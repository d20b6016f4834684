// A fuzz target: a program that gives all kinds of bytes to what reads them, and looks whether it keeps its promises.
// Each target defines these functions under the names that LLVM's libFuzzer knows, so that it can be driven by that,
// too; without it driver.cc does.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

// Reads one input. Returns 0. Ends the program if a promise is broken, or if a sanitizer finds something.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

// Changes an input in place, within `capacity`, as it makes sense for this target. Returns the new size.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t capacity,
                                               unsigned seed);

// The same without knowing what the bytes mean. Whoever drives the target defines it.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t capacity);

// The inputs to begin with.
std::vector<std::string> seeds();

// How many inputs were taken for good ones, at least in part: of too few of them a run shows little.
inline unsigned long g_accepted = 0;

// Ends the program, and says which promise is broken, unless `kept`.
inline void promise(bool kept, std::string_view what) {
  if (kept) return;
  std::fprintf(stderr, "broken promise: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

inline std::string text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

// Puts `text` where an input is that may have `capacity` bytes. Returns its size.
inline std::size_t put_back(const std::string& text, std::uint8_t* data, std::size_t capacity) {
  return text.copy(reinterpret_cast<char*>(data), capacity);
}
