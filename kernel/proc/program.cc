#include "kernel/proc/program.h"

#include <algorithm>

#include "kernel/base/check.h"
#include "kernel/mm/user_copy.h"
#include "kernel/mm/user_layout.h"
#include "kernel/proc/archive.h"
#include "kernel/proc/elf.h"
#include "kernel/proc/scheduler.h"

namespace {

Result<void> map_cleared(AddressSpace& space, VirtAddr start, std::uint64_t size, PageFlags flags) {
  const VirtAddr end = start + size;
  for (VirtAddr page = Page::containing(start).start(); page < end; page = page + kPageSize) {
    TRY(space.map(Page::containing(page), TRY(allocate_user_frame()), flags));
  }
  return {};
}

Result<void> load(AddressSpace& space, const Executable& executable, std::span<const std::byte> file) {
  for (const Segment& segment : executable.segments()) {
    TRY(map_cleared(space, segment.start, segment.memory_size, segment.flags));
    TRY(fill_user(space, segment.start, file.subspan(segment.file_offset, segment.file_size)));
  }
  return {};
}

// Makes the stack, with the arguments on it, and returns the first stack pointer (System V ABI, "Process
// Initialization"):
//
//   sp -> | count | pointer ... | 0 | 0 (no environment) | 0 0 (no auxiliary vector) | the strings | kUserStackTop
Result<VirtAddr> make_stack(AddressSpace& space, const ArgumentList& arguments) {
  constexpr VirtAddr kBottom = layout::kUserStackTop - layout::kUserStackSize;
  TRY(map_cleared(space, kBottom, layout::kUserStackSize, {.write = true}));

  const std::string_view text = arguments.text();
  const VirtAddr strings = layout::kUserStackTop - round_up(text.size(), sizeof(std::uint64_t));
  std::array<std::uint64_t, 1 + ArgumentList::kMaximum + 4> words{arguments.count()};
  std::size_t next = 0;
  for (unsigned i = 1; i <= arguments.count(); ++i) {
    words[i] = (strings + next).raw();
    next = text.find('\0', next) + 1;
  }
  const std::span used(words.data(), 1 + arguments.count() + 4);
  const VirtAddr sp{round_down((strings - used.size_bytes()).raw(), 16)};
  TRY(fill_user(space, strings, std::as_bytes(std::span(text))));
  TRY(fill_user(space, sp, std::as_bytes(used)));
  return sp;
}

}  // namespace

Result<void> ArgumentList::add(std::string_view argument) {
  if (count_ == kMaximum || argument.size() >= text_.size() - size_) return std::unexpected(Error::kTooLong);
  std::ranges::copy(argument, text_.begin() + size_);
  size_ += argument.size() + 1;  // the array is full of zeros
  ++count_;
  return {};
}

Result<Process*> start_program(Process& parent, std::string_view program, const ArgumentList& arguments) {
  const auto file = find_file(program_archive(), program);
  if (!file) return std::unexpected(Error::kNoProgram);
  const auto executable = parse_executable(*file, UserMode::kElfMachine);
  if (!executable) return std::unexpected(Error::kNotExecutable);

  Process& process = *TRY(new_process(parent, program));
  KernelStack stack = TRY(KernelStack::allocate(static_cast<unsigned>(&process - processes().data())));
  AddressSpace space = TRY(AddressSpace::create());
  CHECK(frames().lock()->shares(Frame::containing(space.root())) > 0, space.root().raw());  // it has kept its root
  TRY(load(space, *executable, *file));
  const VirtAddr sp = TRY(make_stack(space, arguments));

  process.stack_top = stack.top();
  process.saved_stack_pointer = UserMode::prepare_stack(stack.top(), executable->entry, sp);
  process.stack.emplace(std::move(stack));
  process.space.emplace(std::move(space));
  make_ready(process);
  return &process;
}
