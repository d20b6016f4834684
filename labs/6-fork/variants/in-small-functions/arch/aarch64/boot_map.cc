// Lab 1. The identity map: translation goes on, and nothing moves. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/frames/frame.h"

namespace {

// A root that maps the kernel where it is. It belongs to the CPU.
PhysAddr kernel_root() {
  auto frame = OwnedFrame::allocate_zeroed();
  CHECK(frame.has_value());
  const PhysAddr root = frame->release().start();
  KernelTable table(root);
  CHECK(map_kernel(table, 0).has_value());
  return root;
}

}  // namespace

void turn_on_paging() {
  const PhysAddr root = kernel_root();
  cpu::write_mair(Arch::Paging::kMair);
  cpu::write_tcr(cpu::kTcrLowerHalf | cpu::kTcrUpperHalf | cpu::kTcrNoUpperWalks |
                 cpu::physical_size() << cpu::kTcrPhysicalSizeShift);
  cpu::write_ttbr0(root.raw());
  Arch::flush_all();
  cpu::write_sctlr(cpu::kSctlrReservedOnes | cpu::kSctlrMmu | cpu::kSctlrDataCache | cpu::kSctlrInstructionCache);
}
