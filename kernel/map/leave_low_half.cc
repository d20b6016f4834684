// Lab 2. The end of the identity map, for all ISAs. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/todo.h"
#include "kernel/paging/free_tables.h"

namespace {

constexpr unsigned kRootLevel = Arch::Paging::kLevels - 1;

}  // namespace

void leave_low_half() {
  // @lab 2 begin: leave_low_half
  //: The code and the stack are high now. What else does the CPU hold by a low address? Its exception vectors, on x86 also
  //: the GDT, the TSS and the emergency stack in it: Arch::install_traps() takes all of them from where the code runs. Do
  //: this first.
  //: Then empty the first layout::kUserSlots entries of the root that serves low addresses. It stays loaded, for there is
  //: nothing yet to take its place. A translation may still be remembered, because the pages are global: flush all. Only
  //: now are the tables of the identity map free: free_tables().
  Arch::install_traps();
  const WindowTables<Arch::Paging::Entry> memory;
  const PhysAddr root = Arch::active_root(VirtAddr{});
  for (unsigned slot = 0; slot < layout::kUserSlots; ++slot) {
    const auto entry = memory.read(root, slot);
    if (entry == 0) continue;
    memory.write(root, slot, 0);
    Arch::flush_all();
    free_tables<Arch::Paging>(entry, kRootLevel);
  }
  // @lab 2 end
}
