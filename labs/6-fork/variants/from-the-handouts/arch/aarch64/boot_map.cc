// Lab 1. The identity map: translation goes on, and nothing moves. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/frames/frame.h"

void turn_on_paging() {
  auto frame = OwnedFrame::allocate_zeroed();
  CHECK(frame.has_value());
  KernelTable table{frame->address()};
  CHECK(map_kernel(table, 0).has_value());
  const PhysAddr root = frame->release().start();

  cpu::write_ttbr0(root.raw());
  cpu::write_tcr(cpu::kTcrLowerHalf | cpu::kTcrUpperHalf | cpu::kTcrNoUpperWalks |
                 cpu::physical_size() << cpu::kTcrPhysicalSizeShift);
  cpu::write_mair(Aarch64Paging::kMair);
  Arch::flush_all();
  cpu::write_sctlr(cpu::kSctlrReservedOnes | cpu::kSctlrInstructionCache | cpu::kSctlrDataCache | cpu::kSctlrMmu);
}
