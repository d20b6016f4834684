// Lab 5. How pages follow areas. You own this file.
#include "kernel/space/fault.h"

#include "arch/user_mode.h"
#include "kernel/base/check.h"
#include "kernel/map/temp_map.h"
#include "kernel/paging/page_table_cursor.h"
#include "kernel/space/memory_map.h"
#include "kernel/space/user_copy.h"
#include "kernel/space/user_layout.h"

namespace {

bool permits(Protection protection, Access access) {
  switch (access) {
    case Access::kRead: return protection.read;
    case Access::kWrite: return protection.write;
    case Access::kExecute: return protection.execute;
  }
  return false;
}

// Moves the start of the stack down to the page of `va`; the stack's area. kNoArea if `va` is not below a stack, or too
// far.
Result<const Vma*> grow_stack(VmaList& areas, VirtAddr va) {
  const VirtAddr start = Page::containing(va).start();
  const Vma* stack = areas.find_from(start);
  if (stack == nullptr || stack->kind != VmaKind::kStack || start < layout::kUserStackLimit) {
    return std::unexpected(Error::kNoArea);
  }
  // Nothing else ends above the beginning of the page below.
  if (areas.find_from(start - kPageSize) != stack) return std::unexpected(Error::kNoArea);
  TRY(areas.insert({start, stack->start, stack->protection, VmaKind::kStack}));
  return areas.find(va);
}

// A frame with what a page of `area` holds at first.
Result<OwnedFrame> first_contents(const MemoryMap& memory, const Vma& area, Page page) {
  OwnedFrame frame = TRY(allocate_user_frame());
  const bool is_code = area.protection.execute, is_file = area.kind == VmaKind::kImage;
  if (is_code || is_file) {
    const TempMap window = TRY(TempMap::open(frame.frame()));
    if (is_file) memory.copy_file(page, window.bytes());
    if (is_code) UserMode::code_written(window.address(), kPageSize);
  }
  return frame;
}

}  // namespace

Result<void> resolve_fault(AddressSpace& space, VirtAddr va, Access access) {
  MemoryMap& memory = space.memory();
  const Vma* promised = memory.areas.find(va);
  const Vma area = promised != nullptr ? *promised : *TRY(grow_stack(memory.areas, va));
  if (!permits(area.protection, access)) return std::unexpected(Error::kNotPermitted);
  const Page page = Page::containing(va);
  return space.map(page, TRY(first_contents(memory, area, page)), flags_of(area.protection));
}

Result<void> resolve_range(AddressSpace& space, VirtAddr start, std::uint64_t size, Access access) {
  // Whatever `size` is: what lies behind the user half is in no area, so nothing gets that far.
  for (std::uint64_t done = 0; done < size; done += within_page(start + done, size - done)) {
    if (!space.lookup(start + done)) TRY(resolve_fault(space, start + done, access));
  }
  return {};
}

void protect_pages(AddressSpace& space, VirtAddr start, VirtAddr end, Protection protection) {
  KernelTable::Cursor cursor(KernelTable(space.root()), start, end);
  while (cursor.next()) {
    cursor.protect(flags_of(protection)).flush();
    if (!protection.execute) continue;
    const auto window = TempMap::open(Frame::containing(cursor.mapping().address));
    CHECK(window.has_value(), cursor.start().raw());
    UserMode::code_written(window->address(), kPageSize);
  }
}

void drop_pages(AddressSpace& space, VirtAddr start, VirtAddr end) {
  KernelTable::Cursor cursor(KernelTable(space.root()), start, end);
  while (cursor.next()) {
    const Frame frame = Frame::containing(cursor.mapping().address);
    cursor.unmap().flush();
    const OwnedFrame share = OwnedFrame::adopt(frame);
  }
}
