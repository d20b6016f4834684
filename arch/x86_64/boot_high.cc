// Lab 2. The higher half: the kernel moves out from under itself. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/mm/frame.h"
#include "kernel/mm/free_tables.h"

namespace {

constexpr unsigned kRootLevel = Arch::Paging::kLevels - 1;
constexpr unsigned kUserSlots = kEntriesPerTable<Arch::Paging> / 2;  // the lower half of the root

}  // namespace

void map_high_half() {
  // @lab 2 begin: map_high_half
  //: Both halves hang on one root here. Take the active one and map the kernel into it again, at its high addresses.
  KernelTable table(Arch::active_root(VirtAddr{}));
  CHECK(map_kernel(table, layout::kKernelOffset).has_value());
  // @lab 2 end
}

void leave_low_half() {
  // @lab 2 begin: leave_low_half
  //: The code and the stack are high now. What else does the CPU hold by a low address? GDTR, IDTR, TR and the
  //: emergency stack in the TSS: Arch::install_traps() takes all of them from where the code runs. Do this first.
  //: Then empty the lower half of the root. A translation may still be remembered, even across a load of CR3, because
  //: the pages are global: flush. Only now are the tables of the identity map free: free_tables().
  Arch::install_traps();
  const WindowTables<Arch::Paging::Entry> memory;
  const PhysAddr root = Arch::active_root(VirtAddr{});
  for (unsigned slot = 0; slot < kUserSlots; ++slot) {
    const auto entry = memory.read(root, slot);
    if (entry == 0) continue;
    memory.write(root, slot, 0);
    Arch::flush_all();
    free_tables<Arch::Paging>(entry, kRootLevel);
  }
  // @lab 2 end
}
