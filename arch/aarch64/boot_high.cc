// Lab 2. The higher half: a second map of the kernel, at its high addresses. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/frames/frame.h"

void map_high_half() {
  // @lab 2 begin: map_high_half
  //: Each half has a root of its own here. Allocate one for the upper half as in lab 1, map the kernel into it at its high
  //: addresses, put it into TTBR1_EL1, and only then permit walks of the upper half: clear EPD1 in TCR_EL1.
  auto root = OwnedFrame::allocate_zeroed();
  CHECK_OK(root);
  KernelTable table(root->release().start());
  CHECK_OK(map_kernel(table, layout::kKernelOffset));
  cpu::write_ttbr1(table.root().raw());
  cpu::write_tcr(cpu::read_tcr() & ~cpu::kTcrNoUpperWalks);
  // @lab 2 end
}
