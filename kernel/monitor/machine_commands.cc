// Commands about the machine: help, checkpoint, breakpoint, ticks, overflow, poweroff.
#include <algorithm>
#include <array>

#include "arch/arch.h"
#include "kernel/base/clock.h"
#include "kernel/base/print.h"
#include "kernel/monitor/monitor.h"

// The body must not be optimised away, nor the call. It has a page of its own: QEMU runs
// all code of a page that holds a breakpoint many times slower.
extern "C" [[gnu::noinline, gnu::section(".text.alone")]] void checkpoint_reached(const char* name) {
  asm volatile("" ::"r"(name) : "memory");
}

// Uses up the stack, a page at a time, until it runs into its guard. By this name the grader sends a process here as
// well.
extern "C" [[gnu::noinline]] void use_stack(unsigned depth) {
  volatile char page[kPageSize];
  page[0] = static_cast<char>(depth);
  if (depth > 0) use_stack(depth - 1);
  page[1] = page[0];
}

namespace {

void help(const Arguments&) {
  for (const Command& command : commands()) {
    Line() << command.name << (command.usage.empty() ? "" : " ") << command.usage << ": " << command.help;
  }
}

void checkpoint(const Arguments& arguments) {
  std::array<char, 32> name{};
  const std::string_view given = arguments.word(1);
  std::copy_n(given.data(), std::min(given.size(), name.size() - 1), name.data());
  Fact("checkpoint").field("name", std::string_view(name.data()));
  checkpoint_reached(name.data());
}

void breakpoint(const Arguments&) {
  Arch::breakpoint();
  Fact("breakpoint").flag("returned", true);
}

// Waits for so many timer interrupts, which come every 100 microseconds meanwhile.
void count_ticks(const Arguments& arguments) {
  const auto wanted = arguments.number(1);
  if (!wanted) return report_misuse("ticks", "bad-number");
  constexpr unsigned kFastMicroseconds = 100;
  const std::uint64_t before = ticks();
  Arch::start_timer(kFastMicroseconds);
  while (ticks() - before < *wanted) Arch::wait_for_interrupt();
  Arch::start_timer(kTickMicroseconds);
  Fact("ticks").field("before", before).field("after", ticks());
}

void overflow(const Arguments&) {
  use_stack(64);
  Fact("overflow").flag("survived", true);
}

void power_off(const Arguments&) {
  Fact("poweroff");  // NOLINT(bugprone-unused-raii): what makes a fact prints it at once
  Arch::power_off();
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"help", "", "lists the commands", 0, help},
    {"checkpoint", "NAME", "a place where the grader or GDB can stop", 1, checkpoint},
    {"breakpoint", "", "runs a breakpoint instruction and comes back", 0, breakpoint},
    {"ticks", "N", "waits for N timer interrupts", 1, count_ticks},
    {"overflow", "", "uses up the kernel stack", 0, overflow},
    {"poweroff", "", "turns the machine off", 0, power_off},
};

}  // namespace
