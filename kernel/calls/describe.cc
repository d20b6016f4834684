#include "kernel/calls/describe.h"

#include <algorithm>
#include <optional>
#include <span>

#include "kernel/calls/system_calls.h"
#include "kernel/paging/page_table_cursor.h"
#include "kernel/process/scheduler.h"
#include "kernel/program/archive.h"
#include "kernel/space/memory_map.h"

namespace {

// As much of `text` as leaves room for a 0. The rest of `to` is zeros already.
void put(std::span<char> to, std::string_view text) {
  std::ranges::copy(text.substr(0, to.size() - 1), to.begin());
}

std::optional<ProgramDescription> describe_program(std::uint64_t number) {
  ArchiveReader reader(program_archive());
  auto file = reader.next();
  for (; file && number > 0; --number) file = reader.next();
  if (!file) return std::nullopt;
  ProgramDescription description{.size = file->content.size()};
  put(description.name, file->name);
  return description;
}

std::optional<ProcessDescription> describe_process(std::uint64_t number) {
  for (const Process& process : processes()) {
    if (process.state == ProcessState::kFree || number-- > 0) continue;
    ProcessDescription description{.pid = process.pid, .parent = process.parent->pid};
    put(description.state, name(process.state));
    put(description.name, process.name_text());
    return description;
  }
  return std::nullopt;
}

std::optional<AreaDescription> describe_area(std::uint64_t number) {
  const AddressSpace& space = *current().space;
  const auto areas = space.memory().areas.all();
  if (number >= areas.size()) return std::nullopt;
  const Vma& area = areas[number];
  AreaDescription description{.start = area.start.raw(),
                              .end = area.end.raw(),
                              .present = count_present(space, area),
                              .read = area.protection.read,
                              .write = area.protection.write,
                              .execute = area.protection.execute};
  put(description.kind, name(area.kind));
  return description;
}

// Writes the description to the user's memory: 1; or 0 if there is none.
template <typename Description>
Value give_description(const std::optional<Description>& description, std::uint64_t to) {
  if (!description) return 0;
  const auto given = give(VirtAddr{to}, std::as_bytes(std::span(&*description, 1)));
  return given ? 1 : error_number(given.error());
}

}  // namespace

std::string_view name(VmaKind kind) {
  switch (kind) {
    case VmaKind::kAnonymous: return "anonymous";
    case VmaKind::kImage: return "image";
    case VmaKind::kHeap: return "heap";
    case VmaKind::kStack: return "stack";
    case VmaKind::kThread: return "thread";
  }
  return "unknown";
}

std::uint64_t count_present(const AddressSpace& space, const Vma& area) {
  KernelTable::Cursor pages(KernelTable(space.root()), area.start, area.end);
  std::uint64_t count = 0;
  while (pages.next()) ++count;
  return count;
}

Value system_describe_program(const Arguments6& arguments) {
  return give_description(describe_program(arguments[0]), arguments[1]);
}
Value system_describe_process(const Arguments6& arguments) {
  return give_description(describe_process(arguments[0]), arguments[1]);
}
Value system_describe_area(const Arguments6& arguments) {
  return give_description(describe_area(arguments[0]), arguments[1]);
}
