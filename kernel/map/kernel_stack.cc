#include "kernel/map/kernel_stack.h"

#include "kernel/base/check.h"
#include "kernel/frames/frame.h"

Result<KernelStack> KernelStack::allocate(unsigned slot) {
  CHECK(slot < layout::kMaxProcesses, slot);
  KernelStack stack(slot);
  while (stack.pages_ < layout::kKernelStackSize / kPageSize) {
    OwnedFrame frame = TRY(OwnedFrame::allocate(Zone::kWindow));
    map_kernel_page(stack.page(stack.pages_++), frame.release(), {.write = true, .global = true});
  }
  return stack;
}

KernelStack::~KernelStack() {
  while (pages_ > 0) {
    const Page last = page(--pages_);
    const auto mapping = KernelTable(kernel_root()).lookup(last.start());
    CHECK(mapping.has_value(), last.start().raw());
    unmap_kernel_page(last).flush();
    const OwnedFrame freed = OwnedFrame::adopt(Frame::containing(mapping->address));
  }
}
