// Lab 5. How pages follow areas. You own this file.
#include "kernel/space/fault.h"

#include "arch/user_mode.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
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
  const Vma* const stack = areas.find_from(va);
  if (stack == nullptr || stack->kind != VmaKind::kStack) return std::unexpected(Error::kNoArea);
  const VirtAddr start = Page::containing(va).start();
  if (start < layout::kUserStackLimit) return std::unexpected(Error::kNoArea);
  const bool guard_is_free = areas.find_from(start - kPageSize) == stack;
  if (!guard_is_free) return std::unexpected(Error::kNoArea);
  TRY(areas.insert({start, stack->start, stack->protection, stack->kind}));
  return areas.find(va);
}

// A frame with what a page of `area` holds at first.
Result<OwnedFrame> first_contents(const MemoryMap& memory, const Vma& area, Page page) {
  OwnedFrame frame = TRY(allocate_user_frame());
  const bool is_code = area.protection.execute;
  if (area.kind != VmaKind::kImage && !is_code) return frame;
  const TempMap window = TRY(TempMap::open(frame.frame()));
  if (area.kind == VmaKind::kImage) memory.copy_file(page, window.bytes());
  if (is_code) UserMode::code_written(window.address(), kPageSize);
  return frame;
}

// The area of `va`, once the stack has grown there if it may.
Result<const Vma*> area_of(VmaList& areas, VirtAddr va) {
  const Vma* const area = areas.find(va);
  if (area != nullptr) return area;
  return grow_stack(areas, va);
}

// Makes instruction fetches see what is in `frame`.
void publish_code(Frame frame) {
  const auto window = TempMap::open(frame);
  CHECK(window.has_value(), frame.start().raw());
  UserMode::code_written(window->address(), kPageSize);
}

// How many pages drop_batch() takes away before the first is flushed.
constexpr unsigned kBatch = 16;

// Takes away the next `left` pages of the cursor. On the way back each is flushed, and then given back. False if the
// cursor has come to its end.
bool drop_batch(KernelTable::Cursor& cursor, unsigned left) {
  if (left == 0) return true;
  if (!cursor.next()) return false;
  const OwnedFrame frame = OwnedFrame::adopt(Frame::containing(cursor.mapping().address));
  StaleTlb stale = cursor.unmap();
  const bool has_more = drop_batch(cursor, left - 1);
  stale.flush();
  return has_more;
}

}  // namespace

Result<void> resolve_fault(AddressSpace& space, VirtAddr va, Access access) {
  const MemoryMap& memory = space.memory();
  const Vma* const area = TRY(area_of(space.memory().areas, va));
  if (!permits(area->protection, access)) return std::unexpected(Error::kNotPermitted);
  const Page page = Page::containing(va);
  return space.map(page, TRY(first_contents(memory, *area, page)), flags_of(area->protection));
}

Result<void> resolve_range(AddressSpace& space, VirtAddr start, std::uint64_t size, Access access) {
  for (std::uint64_t done = 0; done < size;) {
    const VirtAddr va = start + done;
    if (!space.lookup(va)) TRY(resolve_fault(space, va, access));
    done += within_page(va, size - done);
  }
  return {};
}

void protect_pages(AddressSpace& space, VirtAddr start, VirtAddr end, Protection protection) {
  KernelTable::Cursor cursor(KernelTable(space.root()), start, end);
  while (cursor.next()) {
    cursor.protect(flags_of(protection)).flush();
    if (protection.execute) publish_code(Frame::containing(cursor.mapping().address));
  }
}

void drop_pages(AddressSpace& space, VirtAddr start, VirtAddr end) {
  KernelTable::Cursor cursor(KernelTable(space.root()), start, end);
  while (drop_batch(cursor, kBatch)) {
  }
}
