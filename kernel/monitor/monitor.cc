#include "kernel/monitor/monitor.h"

#include "arch/arch.h"
#include "kernel/base/boot_parameters.h"
#include "kernel/base/console.h"
#include "kernel/base/print.h"

extern "C" const Command commands_start[], commands_end[];  // the linker script collects them

namespace {

constexpr unsigned kLineLength = 120;

std::optional<unsigned> digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

void run_line(std::string_view line) {
  const Arguments arguments(line);
  if (arguments.count() == 0 || arguments.word(0).starts_with('#')) return;
  for (const Command& command : commands()) {
    if (command.name != arguments.word(0)) continue;
    if (!arguments.are_all()) return report_misuse(command.name, "too-many-words");
    if (arguments.count() - 1 < command.least_arguments) return report_misuse(command.name, "missing-argument");
    return command.run(arguments);
  }
  report_misuse(arguments.word(0), "unknown-command");
}

void run_script(std::string_view script) {
  while (!script.empty()) {
    const std::size_t end = std::min(script.find('\n'), script.size());
    const std::string_view line = script.substr(0, end);
    script.remove_prefix(std::min(end + 1, script.size()));
    Line() << "> " << line;
    run_line(line);
  }
}

// The next character typed. The machine sleeps until the timer has it look again.
char wait_for_character() {
  for (;;) {
    if (const auto c = console_read()) return *c;
    Arch::wait_for_interrupt();
  }
}

void echo(std::string_view text) {
  for (const char c : text) Arch::console_write(c);
}

// Reads a line, with backspace, into `buffer`.
std::string_view read_line(std::span<char, kLineLength> buffer) {
  std::size_t length = 0;
  for (;;) {
    const char c = wait_for_character();
    if (c == '\r' || c == '\n') {
      echo("\n");
      return {buffer.data(), length};
    }
    if (c == '\b' || c == '\x7f') {
      if (length == 0) continue;
      --length;
      echo("\b \b");
    } else if (c >= ' ' && c <= '~' && length < buffer.size()) {
      buffer[length++] = c;
      Arch::console_write(c);
    }
  }
}

}  // namespace

Arguments::Arguments(std::string_view line) {
  for (;;) {
    const std::size_t start = line.find_first_not_of(" \t\r");
    are_all_ = start == std::string_view::npos;
    if (are_all_ || count_ == kMaximum) return;
    line.remove_prefix(start);
    const std::size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    words_[count_++] = line.substr(0, end);
    line.remove_prefix(end);
  }
}

std::optional<std::uint64_t> Arguments::number(unsigned i) const {
  std::string_view digits = word(i);
  const unsigned base = digits.starts_with("0x") ? 16 : 10;
  if (base == 16) digits.remove_prefix(2);
  if (digits.empty()) return std::nullopt;
  std::uint64_t value = 0;
  for (const char c : digits) {
    const auto digit = digit_value(c);
    if (!digit || *digit >= base) return std::nullopt;
    if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, *digit, &value))
      return std::nullopt;
  }
  return value;
}

std::span<const Command> commands() {
  return {commands_start, commands_end};
}

void report_misuse(std::string_view command, std::string_view reason) {
  Fact("misuse").field("command", command).field("reason", reason);
  Line() << "Type help for the commands and what they take.";
}

void run_monitor() {
  Arch::disable_interrupts();  // they are taken in wait_for_interrupt()
  run_script(boot_script());
  Line() << "This is the monitor. Type help.";
  std::array<char, kLineLength> buffer;
  for (;;) {
    echo("pagewalk> ");
    const std::string_view line = read_line(buffer);
    take_break();  // what was typed before the command does not end what the command starts
    run_line(line);
  }
}
