// A program is promised its file, its stack and its thread-local variables; hardly a page of them is brought before it
// is touched.
#include "kernel/program/load.h"

#include <algorithm>

#include "arch/user_mode.h"
#include "kernel/program/archive.h"
#include "kernel/space/fault.h"
#include "kernel/space/memory_map.h"
#include "kernel/space/user_copy.h"
#include "kernel/space/user_layout.h"

namespace {

Protection either(Protection one, Protection other) {
  return {one.read || other.read, one.write || other.write, one.execute || other.execute};
}

// Promises the pages of a segment. A page that another segment has already gets the permissions that both need
// (parse_executable() refuses a page that would be writable and executable); the contents of both come from the file.
Result<void> promise_segment(VmaList& areas, const Segment& segment) {
  const Protection protection{.read = true, .write = segment.flags.write, .execute = segment.flags.execute};
  VirtAddr at = Page::containing(segment.start).start();
  const VirtAddr end = Page::containing(segment.end() - 1).start() + kPageSize;
  while (at < end) {
    const Vma* other = areas.find_from(at);
    const bool is_shared = other != nullptr && other->start <= at;
    const VirtAddr next = other == nullptr ? end : std::min(end, is_shared ? other->end : other->start);
    TRY(is_shared ? areas.protect(at, next, either(other->protection, protection))
                  : areas.insert({at, next, protection, VmaKind::kImage}));
    at = next;
  }
  return {};
}

Result<void> promise_file(MemoryMap& memory, const Executable& executable, std::span<const std::byte> file) {
  std::size_t parts = 0;
  for (const Segment& segment : executable.segments()) {
    memory.file[parts++] = {segment.start, file.subspan(segment.file_offset, segment.file_size)};
    TRY(promise_segment(memory.areas, segment));
    memory.heap_start = std::max(memory.heap_start, Page::containing(segment.end() - 1).start() + kPageSize);
  }
  memory.heap_end = memory.heap_start;
  return {};
}

Result<void> promise_stack(AddressSpace& space) {
  constexpr VirtAddr kStart = layout::kUserStackTop - layout::kUserStackSize;
  TRY(space.memory().areas.insert({kStart, layout::kUserStackTop, {.read = true, .write = true}, VmaKind::kStack}));
  return resolve_range(space, ArgumentList::kLowestOnStack, layout::kUserStackTop - ArgumentList::kLowestOnStack,
                       Access::kWrite);
}

// Writes to memory that is promised, and brings it first.
Result<void> write_promised(AddressSpace& space, VirtAddr to, std::span<const std::byte> bytes) {
  TRY(resolve_range(space, to, bytes.size(), Access::kWrite));
  return fill_user(space, to, bytes);
}

// Makes the first thread's block of thread-local variables, and returns its thread pointer.
Result<std::uint64_t> make_thread_block(AddressSpace& space, const Segment& variables,
                                        std::span<const std::byte> file) {
  if (variables.memory_size == 0) return 0;
  const ThreadLayout layout = UserMode::thread_layout(variables.memory_size, variables.alignment);
  VmaList& areas = space.memory().areas;
  const std::uint64_t size = round_up(layout.size, kPageSize);
  const VirtAddr block = TRY(areas.find_gap(layout::kUserMapStart, size));
  TRY(areas.insert({block, block + size, {.read = true, .write = true}, VmaKind::kThread}));

  const auto initial = file.subspan(variables.file_offset, variables.file_size);
  TRY(write_promised(space, block + layout.variables, initial));
  const std::uint64_t pointer = (block + layout.pointer).raw();
  TRY(write_promised(space, VirtAddr{pointer}, std::as_bytes(std::span(&pointer, 1))));
  return pointer;
}

}  // namespace

Result<LoadedProgram> load_program(std::string_view program, const ArgumentList& arguments) {
  const auto file = find_file(program_archive(), program);
  if (!file) return std::unexpected(Error::kNoProgram);
  const auto executable = parse_executable(*file, UserMode::kElfMachine);
  if (!executable) return std::unexpected(Error::kNotExecutable);

  AddressSpace space = TRY(AddressSpace::create_with_map());
  TRY(promise_file(space.memory(), *executable, *file));
  TRY(promise_stack(space));
  const std::uint64_t thread_pointer = TRY(make_thread_block(space, executable->thread_variables, *file));
  const VirtAddr sp = TRY(arguments.put_on_stack(space));
  return LoadedProgram{std::move(space), executable->entry, sp, thread_pointer};
}
