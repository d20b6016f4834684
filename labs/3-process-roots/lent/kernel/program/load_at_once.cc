// A program gets all its pages at once. Lent to you for labs 3 and 4: lab 5 takes this file back, and a program is then
// promised its pages, which come when they are touched.
#include "arch/user_mode.h"
#include "kernel/base/check.h"
#include "kernel/program/archive.h"
#include "kernel/program/load.h"
#include "kernel/space/fault.h"
#include "kernel/space/user_copy.h"
#include "kernel/space/user_layout.h"

namespace {

Result<void> map_cleared(AddressSpace& space, VirtAddr start, std::uint64_t size, PageFlags flags) {
  const VirtAddr end = start + size;
  for (VirtAddr page = Page::containing(start).start(); page < end; page = page + kPageSize) {
    TRY(space.map(Page::containing(page), TRY(allocate_user_frame()), flags));
  }
  return {};
}

Result<void> map_segments(AddressSpace& space, const Executable& executable, std::span<const std::byte> file) {
  for (const Segment& segment : executable.segments()) {
    TRY(map_cleared(space, segment.start, segment.memory_size, segment.flags));
    TRY(fill_user(space, segment.start, file.subspan(segment.file_offset, segment.file_size)));
  }
  return {};
}

}  // namespace

// No page is missing that the program has a right to.
Result<void> resolve_range(AddressSpace&, VirtAddr, std::uint64_t, Access) {
  return {};
}

Result<LoadedProgram> load_program(std::string_view program, const ArgumentList& arguments) {
  const auto file = find_file(program_archive(), program);
  if (!file) return std::unexpected(Error::kNoProgram);
  const auto executable = parse_executable(*file, UserMode::kElfMachine);
  if (!executable) return std::unexpected(Error::kNotExecutable);

  AddressSpace space = TRY(AddressSpace::create());
  const bool is_kept = frames().lock()->shares(Frame::containing(space.root())) > 0;
  CHECK_NAMED("root-is-kept", is_kept, space.root().raw());
  TRY(map_segments(space, *executable, *file));
  constexpr VirtAddr kStack = layout::kUserStackTop - layout::kUserStackSize;
  TRY(map_cleared(space, kStack, layout::kUserStackSize, {.write = true, .user = true}));
  const VirtAddr sp = TRY(arguments.put_on_stack(space));
  return LoadedProgram{std::move(space), executable->entry, sp, 0};
}
