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
  // @lab 5 begin: grow_stack
  //: The area above `va` must be a stack. It never reaches below layout::kUserStackLimit, and between it and what lies
  //: below one page at least stays free: the guard. What it grows by is an area that insert() merges with it.
  const Vma* stack = areas.find_from(va);
  if (stack == nullptr || stack->kind != VmaKind::kStack) return std::unexpected(Error::kNoArea);
  const VirtAddr start = Page::containing(va).start();
  const Vma* below = areas.find_from(start - kPageSize);
  if (start < layout::kUserStackLimit || below != stack) return std::unexpected(Error::kNoArea);
  TRY(areas.insert({start, stack->start, stack->protection, VmaKind::kStack}));
  return areas.find(va);
  // @lab 5 end
}

// A frame with what a page of `area` holds at first.
Result<OwnedFrame> first_contents(const MemoryMap& memory, const Vma& area, Page page) {
  // @lab 5 begin: first_contents
  //: A cleared frame; if the area is the program's, copy_file() puts the file's bytes over the zeros, through a window.
  //: What may be executed must be seen by instruction fetches, zeros, too: UserMode::code_written().
  OwnedFrame frame = TRY(allocate_user_frame());
  const bool has_file = area.kind == VmaKind::kImage;
  if (!has_file && !area.protection.execute) return frame;
  const TempMap window = TRY(TempMap::open(frame.frame()));
  if (has_file) memory.copy_file(page, window.bytes());
  if (area.protection.execute) UserMode::code_written(window.address(), kPageSize);
  return frame;
  // @lab 5 end
}

}  // namespace

Result<void> resolve_fault(AddressSpace& space, VirtAddr va, Access access) {
  // @lab 5 begin: resolve_fault
  //: Find the area, or grow the stack. Ask whether the area permits the access: the tables do not
  //: matter. Only then make the page, and map it with flags_of() the area's protection.
  MemoryMap& memory = space.memory();
  const Vma* area = memory.areas.find(va);
  if (area == nullptr) area = TRY(grow_stack(memory.areas, va));
  if (!permits(area->protection, access)) return std::unexpected(Error::kNotPermitted);
  const Page page = Page::containing(va);
  return space.map(page, TRY(first_contents(memory, *area, page)), flags_of(area->protection));
  // @lab 5 end
}

Result<void> resolve_range(AddressSpace& space, VirtAddr start, std::uint64_t size, Access access) {
  // @lab 5 begin: resolve_range
  //: Page by page; a page that lookup() finds is there. The last page is that of the last byte.
  while (size > 0) {
    if (!space.lookup(start)) TRY(resolve_fault(space, start, access));
    const std::uint64_t here = within_page(start, size);
    start = start + here;
    size -= here;
  }
  return {};
  // @lab 5 end
}

void protect_pages(AddressSpace& space, VirtAddr start, VirtAddr end, Protection protection) {
  // @lab 5 begin: protect_pages
  //: Move a KernelTable::Cursor over the range: protect() each page, and spend the token: from now on the CPU must not
  //: use what it remembers. A page that may be executed now was perhaps written until now: UserMode::code_written(), by
  //: a window.
  KernelTable::Cursor page(KernelTable(space.root()), start, end);
  while (page.next()) {
    page.protect(flags_of(protection)).flush();
    if (!protection.execute) continue;
    const auto window = TempMap::open(Frame::containing(page.mapping().address));
    CHECK(window.has_value(), page.start().raw());
    UserMode::code_written(window->address(), kPageSize);
  }
  // @lab 5 end
}

void drop_pages(AddressSpace& space, VirtAddr start, VirtAddr end) {
  // @lab 5 begin: drop_pages
  //: Move a cursor over the range: unmap() each page, spend the token, and only then give the page's frame back.
  KernelTable::Cursor page(KernelTable(space.root()), start, end);
  while (page.next()) {
    page.unmap().flush();
    const OwnedFrame freed = OwnedFrame::adopt(Frame::containing(page.mapping().address));
  }
  // @lab 5 end
}
