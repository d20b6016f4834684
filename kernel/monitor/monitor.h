// The monitor: a command line on the serial port. A student types into it, the grader drives it, a script given at boot
// runs through it. Each command prints facts about what it did.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

// A line, cut into words. The first is the command.
class Arguments {
 public:
  static constexpr unsigned kMaximum = 20;

  explicit Arguments(std::string_view line);

  unsigned count() const { return count_; }
  // Whether the line has no more words than that.
  bool are_all() const { return are_all_; }
  // Word `i`, or nothing there: an empty word.
  std::string_view word(unsigned i) const { return i < count_ ? words_[i] : std::string_view{}; }
  // Word `i` as a number, decimal or 0x hexadecimal; nothing if it is not one or does not fit.
  std::optional<std::uint64_t> number(unsigned i) const;

 private:
  std::array<std::string_view, kMaximum> words_{};
  unsigned count_ = 0;
  bool are_all_ = false;
};

// A command registers itself: define a constant of this type in the section .data.rel.ro.commands (see any
// *_commands.cc), and the linker collects it.
struct alignas(64) Command {
  std::string_view name;
  std::string_view usage;  // its arguments
  std::string_view help;   // one line
  unsigned least_arguments;
  void (*run)(const Arguments& arguments);
};
// One array, also of what comes from several files. NOLINTNEXTLINE(misc-redundant-expression): they only are equal
static_assert(sizeof(Command) == alignof(Command));

// All commands that are linked in.
std::span<const Command> commands();

// Prints why a command was not carried out.
void report_misuse(std::string_view command, std::string_view reason);

// The grader and GDB stop here: the command `checkpoint NAME` calls it, and others where something is worth a look.
extern "C" void checkpoint_reached(const char* name);

// Runs the script given at boot, then what is typed, for ever.
[[noreturn]] void run_monitor();
