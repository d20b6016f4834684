// A command that repeats what the kernel does between two markers; ./pagewalk bench counts the instructions.
#include <array>

#include "arch/user_mode.h"
#include "kernel/base/print.h"
#include "kernel/mm/temp_map.h"
#include "kernel/mm/user_copy.h"
#include "kernel/monitor/monitor.h"

namespace {

constexpr VirtAddr kUserPage{0x40'0000};
constinit std::array<std::byte, kPageSize> g_buffer{};

// Opens a window onto a frame and closes it again.
Result<void> measure_windows(std::uint64_t times) {
  const OwnedFrame frame = TRY(allocate_user_frame());
  UserMode::mark<1>();
  for (std::uint64_t i = 0; i < times; ++i) {
    const TempMap window = TRY(TempMap::open(frame.frame()));
  }
  UserMode::mark<2>();
  return {};
}

// Copies a page of the user's.
Result<void> measure_copies(std::uint64_t times) {
  AddressSpace space = TRY(AddressSpace::create());
  TRY(space.map(Page::containing(kUserPage), TRY(allocate_user_frame()), {.write = true}));
  UserMode::mark<1>();
  for (std::uint64_t i = 0; i < times; ++i) TRY(copy_from_user(space, g_buffer, kUserPage));
  UserMode::mark<2>();
  return {};
}

void measure(const Arguments& arguments) {
  const auto times = arguments.number(2);
  if (!times) return report_misuse("measure", "bad-number");
  const bool windows = arguments.word(1) == "temp_map";
  if (!windows && arguments.word(1) != "copy_from_user") return report_misuse("measure", "unknown-operation");
  const auto result = windows ? measure_windows(*times) : measure_copies(*times);
  Fact fact("measure");
  fact.field("operation", arguments.word(1)).field("times", *times);
  fact.field("result", result ? std::string_view("ok") : name(result.error()));
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"measure", "OPERATION N", "does temp_map or copy_from_user N times between two markers", 2, measure},
};

}  // namespace
