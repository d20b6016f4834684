// Lab 1. The identity map: translation goes on, and nothing moves. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/frames/frame.h"

void turn_on_paging() {
  // @lab 1 begin: turn_on_paging
  //: The MMU is off. Make a map and turn it on:
  //: 1. Allocate a cleared frame for the root. The CPU will own it: release() it. Map the kernel there, offset 0.
  //: 2. Say what the entries mean: MAIR_EL1 = Aarch64Paging::kMair. TCR_EL1: both halves' fields and this CPU's physical
  //:    size (cpu.h), but no walks of the upper half, which has no table yet. TTBR0_EL1 = the root's physical address.
  //: 3. Nothing may be remembered from before: Arch::flush_all(). Then SCTLR_EL1: the bits that are always one, MMU,
  //:    caches. The next instruction is fetched through the new map.
  auto root = OwnedFrame::allocate_zeroed();
  CHECK_OK(root);
  KernelTable table(root->release().start());
  CHECK_OK(map_kernel(table, 0));

  cpu::write_mair(Aarch64Paging::kMair);
  cpu::write_tcr(cpu::kTcrLowerHalf | cpu::kTcrUpperHalf | cpu::kTcrNoUpperWalks |
                 cpu::physical_size() << cpu::kTcrPhysicalSizeShift);
  cpu::write_ttbr0(table.root().raw());
  Arch::flush_all();
  cpu::write_sctlr(cpu::kSctlrReservedOnes | cpu::kSctlrMmu | cpu::kSctlrDataCache | cpu::kSctlrInstructionCache);
  // @lab 1 end
}
