// A command that repeats what the kernel does between two markers; ./pagewalk bench counts the instructions.
#include <algorithm>
#include <array>
#include <cstring>

#include "arch/user_mode.h"
#include "kernel/base/print.h"
#include "kernel/map/temp_map.h"
#include "kernel/monitor/monitor.h"
#include "kernel/space/user_copy.h"

namespace {

constexpr VirtAddr kUserPage{0x40'0000};
constinit std::array<std::byte, kPageSize> g_buffer{}, g_other_buffer{};

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

// Copies a page within the kernel: the least that any copy of a page can cost.
Result<void> measure_plain_copies(std::uint64_t times) {
  UserMode::mark<1>();
  for (std::uint64_t i = 0; i < times; ++i) std::memcpy(g_buffer.data(), g_other_buffer.data(), kPageSize);
  UserMode::mark<2>();
  return {};
}

// Clears a page within the kernel, as fresh pages are cleared: the least that any of them can cost.
Result<void> measure_plain_clearing(std::uint64_t times) {
  UserMode::mark<1>();
  for (std::uint64_t i = 0; i < times; ++i) std::memset(g_buffer.data(), 0, kPageSize);
  UserMode::mark<2>();
  return {};
}

// Copies a page of the user's.
Result<void> measure_copies(std::uint64_t times) {
  AddressSpace space = TRY(AddressSpace::create());
  TRY(space.map(Page::containing(kUserPage), TRY(allocate_user_frame()), {.write = true, .user = true}));
  UserMode::mark<1>();
  for (std::uint64_t i = 0; i < times; ++i) TRY(copy_from_user(space, g_buffer, kUserPage));
  UserMode::mark<2>();
  return {};
}

struct Operation {
  std::string_view name;
  Result<void> (*measure)(std::uint64_t times);
};
constexpr Operation kOperations[] = {
    {"temp_map", measure_windows},
    {"copy_page", measure_plain_copies},
    {"zero_page", measure_plain_clearing},
    {"copy_from_user", measure_copies},
};

void measure(const Arguments& arguments) {
  const auto times = arguments.number(2);
  if (!times) return report_misuse("measure", "bad-number");
  const auto* const operation = std::ranges::find(kOperations, arguments.word(1), &Operation::name);
  if (operation == std::end(kOperations)) return report_misuse("measure", "unknown-operation");
  const auto result = operation->measure(*times);
  Fact fact("measure");
  fact.field("operation", operation->name).field("times", *times);
  fact.field("result", result ? std::string_view("ok") : name(result.error()));
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"measure", "OPERATION N", "does temp_map, copy_page, zero_page or copy_from_user N times between two markers", 2,
     measure},
};

}  // namespace
