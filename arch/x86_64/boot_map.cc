// Lab 1. The identity map: translation goes on, and nothing moves. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/frames/frame.h"

void turn_on_paging() {
  // @lab 1 begin: turn_on_paging
  //: Paging is on already, with the crude map of boot.S. Make a better one and change over:
  //: 1. Allocate a cleared frame for the root. The CPU will own it: release() it. Map the kernel there, offset 0.
  //: 2. Turn on what the entries rely on: EFER.NXE first, or bit 63 is a reserved bit (Intel SDM vol. 3, 4.1.3); then
  //:    CR0.WP, so that the kernel obeys read-only pages, and CR4.PGE for global pages, if the CPU has them. Leave the
  //:    other bits as they are: the caches are on.
  //: 3. Load the root's physical address into CR3. The next instruction is fetched through the new map.
  auto root = OwnedFrame::allocate_zeroed();
  CHECK_OK(root);
  KernelTable table(root->release().start());
  CHECK_OK(map_kernel(table, 0));

  cpu::write_msr(cpu::kEfer, cpu::read_msr(cpu::kEfer) | cpu::kEferNoExecute);
  cpu::write_cr0(cpu::read_cr0() | cpu::kCr0WriteProtect);
  if (cpu::has_global_pages()) cpu::write_cr4(cpu::read_cr4() | cpu::kCr4GlobalPages);
  cpu::write_cr3(table.root().raw());
  // @lab 1 end
}
