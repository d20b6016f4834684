// The monitor: a script and what is typed, up to the first zero byte and after it. Each line runs the command that it
// names, with the words that are there, as a second reader of the same lines has it.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <iterator>
#include <optional>
#include <random>
#include <sstream>
#include <utility>

#include "arch/arch.h"
#include "kernel/base/boot_parameters.h"
#include "kernel/base/layout.h"
#include "kernel/monitor/monitor.h"
#include "kernel/tests/fuzz/target.h"

namespace {

// One command that was carried out.
struct Run {
  std::vector<std::string> words;
  std::vector<std::optional<std::uint64_t>> numbers;
  bool operator==(const Run&) const = default;
};
std::vector<Run> g_runs;

void run(const Arguments& arguments) {
  Run now;
  for (unsigned i = 0; i < arguments.count(); ++i) {
    now.words.emplace_back(arguments.word(i));
    now.numbers.push_back(arguments.number(i));
  }
  promise(arguments.word(arguments.count()).empty() && !arguments.number(arguments.count()), "there are no more words");
  g_runs.push_back(now);
}

// Thrown where the monitor would wait for somebody to type on.
struct NothingTyped {};

// --- the second reader ---------------------------------------------------------------------------------------------

std::optional<std::uint64_t> number_in(std::string word) {
  const bool is_hexadecimal = word.starts_with("0x");
  if (is_hexadecimal) word.erase(0, 2);
  std::uint64_t value = 0;
  const char* end = word.data() + word.size();
  const auto [stopped, error] = std::from_chars(word.data(), end, value, is_hexadecimal ? 16 : 10);
  return error == std::errc{} && stopped == end ? std::optional(value) : std::nullopt;
}

// What becomes of a line, if anything.
void read_line(std::string line, std::vector<Run>& runs) {
  std::ranges::replace_if(
      line, [](char c) { return c == '\t' || c == '\r'; }, ' ');
  Run now;
  for (std::size_t at = 0; (at = line.find_first_not_of(' ', at)) != std::string::npos;) {
    const std::size_t end = std::min(line.find(' ', at), line.size());
    now.words.push_back(line.substr(at, end - at));
    now.numbers.push_back(number_in(now.words.back()));
    at = end;
  }
  if (now.words.empty() || now.words.size() > Arguments::kMaximum) return;
  const bool enough = now.words.size() > 2;
  if (now.words[0] == "any" || (now.words[0] == "two" && enough)) runs.push_back(now);
}

void read_script(const std::string& script, std::vector<Run>& runs) {
  std::istringstream lines(script);
  for (std::string line; std::getline(lines, line);) read_line(line, runs);
}

void read_typed(const std::string& typed, std::vector<Run>& runs) {
  std::string line;
  for (const char c : typed) {
    if (c == '\r' || c == '\n') {
      read_line(std::exchange(line, ""), runs);
    } else if (c == '\b' || c == '\x7f') {
      if (!line.empty()) line.pop_back();
    } else if (c >= ' ' && c <= '~' && line.size() < 120) {
      line += c;
    }
  }
}

void run_kernel(const std::string& script, const std::string& typed) {
  auto* parameters = static_cast<BootParameters*>(pointer_to(layout::kBootParameters));
  *parameters = {kBootParametersMagic, 0, layout::kSmallestRam, 0, script.size()};
  std::memcpy(parameters + 1, script.data(), script.size());
  host_cpu() = {};
  host_cpu().typed = typed;
  host_cpu().is_silent = true;
  host_cpu().on_wait = [] { throw NothingTyped(); };
  try {
    run_monitor();
  } catch (const NothingTyped&) {
  }
}

}  // namespace

// What the kernel's linker script collects (arch/<isa>/kernel.ld).
extern "C" const Command commands_start[2] = {{"any", "", "", 0, run}, {"two", "A B", "", 2, run}};
asm(".globl commands_end\n.set commands_end, commands_start + 128");
static_assert(sizeof commands_start == 128);

std::vector<std::string> seeds() {
  const std::string script = "any 1 0x10 word\n# a comment\ntwo 1\ntwo 0xffffffffffffffff 18446744073709551616\n";
  const std::string typed = "any x\b1 2\r\ntwo \t a  b \nnonsense\nany 0x 0xg -1\n";
  std::string many = "any";
  for (unsigned i = 1; i < Arguments::kMaximum; ++i) many += " " + std::to_string(i);
  using namespace std::string_literals;
  const std::string too_long = "\0any "s + std::string(120, 'x') + "\n";
  return {too_long, script, script + "\0"s + typed, "\0"s + typed, many + "\n" + many + " 20\n\0"s + many + "\n"};
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t capacity,
                                               unsigned seed) {
  std::mt19937_64 random(seed);
  if (random() % 2 == 0) return LLVMFuzzerMutate(data, size, capacity);
  const char* const words[] = {" ",
                               "\t",
                               "\n",
                               "\r",
                               "\b",
                               "any ",
                               "two ",
                               "#",
                               "0x",
                               "-1",
                               "00",
                               "f",
                               "G",
                               "\x7f",
                               "\x03",
                               "\xff",
                               "18446744073709551615",
                               "0x10000000000000000"};
  std::string text = text_of(data, size);
  text.insert(random() % (size + 1), words[random() % std::size(words)]);
  return put_back(text, data, capacity);
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string all = text_of(data, size);
  const std::string script = all.substr(0, std::min(all.find('\0'), kBootParametersSize - sizeof(BootParameters)));
  const std::string typed = script.size() < all.size() ? all.substr(script.size() + 1) : "";
  g_runs.clear();
  std::vector<Run> expected;
  run_kernel(script, typed);
  read_script(script, expected);
  read_typed(typed, expected);
  promise(g_runs == expected, "each line runs what it names, with its words");
  if (!expected.empty()) ++g_accepted;
  return 0;
}
