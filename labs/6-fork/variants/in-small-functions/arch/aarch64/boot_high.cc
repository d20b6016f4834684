// Lab 2. The higher half: a second map of the kernel, at its high addresses. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/frames/frame.h"

namespace {

// A root that maps the kernel at its high addresses. It belongs to the CPU.
PhysAddr high_root() {
  auto frame = OwnedFrame::allocate_zeroed();
  CHECK(frame.has_value());
  const PhysAddr root = frame->release().start();
  KernelTable table(root);
  CHECK(map_kernel(table, layout::kKernelOffset).has_value());
  return root;
}

}  // namespace

void map_high_half() {
  cpu::write_ttbr1(high_root().raw());
  cpu::write_tcr(cpu::read_tcr() & ~cpu::kTcrNoUpperWalks);
}
