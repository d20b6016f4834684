// Text on the console, a line at a time: ordinary lines for people, facts for the grader.
#pragma once

#include <cstdint>
#include <string_view>

#include "kernel/base/addr.h"

// One line of text. It is written as it is put together; the line ends when this object dies. If another line is still
// being put together, as when a fault interrupts it, that one ends first.
//   Line() << "frame " << frame.start() << " is free";
class Line {
 public:
  Line();
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;
  ~Line();

  Line& operator<<(std::string_view text);
  Line& operator<<(std::uint64_t decimal);
  Line& operator<<(PhysAddr address);
  Line& operator<<(VirtAddr address);
};

// Text as a user program writes it: any characters, and the line may stay open. The next Line begins a new one.
void print_raw(std::string_view text);

// A fact: `@name key=value key=value`. The kernel prints facts, never verdicts; the grader judges.
//   Fact("peek").field("va", va).field("value", Hex{value});
struct Hex {
  std::uint64_t value;
};

class Fact {
 public:
  explicit Fact(std::string_view name);

  Fact& field(std::string_view key, std::string_view value);
  Fact& field(std::string_view key, std::uint64_t value);
  Fact& field(std::string_view key, Hex value);
  Fact& field(std::string_view key, PhysAddr value) { return field(key, Hex{value.raw()}); }
  Fact& field(std::string_view key, VirtAddr value) { return field(key, Hex{value.raw()}); }
  // yes or no.
  Fact& flag(std::string_view key, bool value) { return field(key, std::string_view(value ? "yes" : "no")); }

 private:
  Line line_;
};
