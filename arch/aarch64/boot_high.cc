// Lab 2. The higher half: the kernel moves out from under itself. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/free_tables.h"

namespace {

constexpr unsigned kRootLevel = Arch::Paging::kLevels - 1;

}  // namespace

void map_high_half() {
  // @lab 2 begin: map_high_half
  //: Each half has a root of its own here. Allocate one for the upper half as in lab 1, map the kernel into it at its high
  //: addresses, put it into TTBR1_EL1, and only then permit walks of the upper half: clear EPD1 in TCR_EL1.
  auto root = OwnedFrame::allocate_zeroed();
  CHECK(root.has_value());
  KernelTable table(root->release().start());
  CHECK(map_kernel(table, layout::kKernelOffset).has_value());
  cpu::write_ttbr1(table.root().raw());
  cpu::write_tcr(cpu::read_tcr() & ~cpu::kTcrNoUpperWalks);
  // @lab 2 end
}

void leave_low_half() {
  // @lab 2 begin: leave_low_half
  //: The code and the stack are high now. What else does the CPU hold by a low address? VBAR_EL1:
  //: Arch::install_traps() takes it from where the code runs. Do this first.
  //: Then empty the lower root; it stays in TTBR0_EL1, for there is nothing yet to take its place. A translation may still
  //: be remembered: flush. Only now are the tables of the identity map free: free_tables().
  Arch::install_traps();
  const WindowTables<Arch::Paging::Entry> memory;
  const PhysAddr root = Arch::active_root(VirtAddr{});
  for (unsigned slot = 0; slot < kEntriesPerTable<Arch::Paging>; ++slot) {
    const auto entry = memory.read(root, slot);
    if (entry == 0) continue;
    memory.write(root, slot, 0);
    Arch::flush_all();
    free_tables<Arch::Paging>(entry, kRootLevel);
  }
  // @lab 2 end
}
