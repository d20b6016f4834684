// Lab 2. The higher half: a second map of the kernel, at its high addresses. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/frames/frame.h"

void map_high_half() {
  auto frame = OwnedFrame::allocate_zeroed();
  CHECK(frame.has_value());
  const PhysAddr root = frame->release().start();

  // An empty root is a complete one: walks of it end at once. The map then grows below it while it is live.
  cpu::write_ttbr1(root.raw());
  cpu::write_tcr(cpu::read_tcr() & ~cpu::kTcrNoUpperWalks);
  KernelTable table{root};
  CHECK(map_kernel(table, layout::kKernelOffset).has_value());
}
