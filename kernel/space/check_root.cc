#include "kernel/space/check_root.h"

#include <string_view>

#include "arch/user_mode.h"
#include "kernel/base/print.h"
#include "kernel/base/trap.h"
#include "kernel/map/kernel_half.h"

namespace {

using Format = Arch::Paging;
constexpr unsigned kRootLevel = Format::kLevels - 1;
constexpr WindowTables<Format::Entry> kMemory;

[[noreturn]] void report(std::string_view what, VirtAddr va, PhysAddr root) {
  begin_last_report();
  Fact("missing-in-root").field("what", what).field("va", va).field("root", root);
  Line() << "The root " << root << " is about to be loaded, and does not map the " << what << " at " << va << ".";
  Arch::power_off();
}

// The root in which the kernel's addresses will be found once `root` is loaded.
PhysAddr root_of_kernel_half(PhysAddr root) {
  return UserMode::kOneRootForBothHalves ? root : Arch::active_root(VirtAddr{layout::kKernelOffset});
}

// Whether `va` leads to the same tables in both roots. If their top-level entries are the same but for what the CPU
// itself notes in them, so is everything below.
bool is_same(PhysAddr one, PhysAddr other, VirtAddr va) {
  const unsigned index = table_index<Format>(va, kRootLevel);
  const Format::Entry ours = kMemory.read(one, index), theirs = kMemory.read(other, index);
  if (ours == theirs) return true;
  const Decoded our_table = Format::decode(kRootLevel, ours), their_table = Format::decode(kRootLevel, theirs);
  return our_table.kind == their_table.kind && our_table.address == their_table.address;
}

// Whether the kernel may write at `va`, and no user. KernelTable::lookup() says more, and takes twice as long: this
// runs at each switch.
bool is_writable(PhysAddr root, VirtAddr va) {
  PhysAddr table = root;
#pragma GCC unroll 4  // a level's shift is then a constant
  for (unsigned level = Format::kLevels; level-- > 0;) {
    const Decoded entry = Format::decode(level, kMemory.read(table, table_index<Format>(va, level)));
    if (entry.kind == EntryKind::kLeaf) return entry.flags.write && !entry.flags.user;
    if (entry.kind != EntryKind::kTable) return false;
    table = entry.address;
  }
  return false;
}

}  // namespace

void check_root(PhysAddr root, VirtAddr stack_top) {
  const PhysAddr kernel_half = root_of_kernel_half(root), master = kernel_root();
  if (kernel_half != master) {  // else everything is the same
    for (const Vital& vital : UserMode::vitals()) {
      if (!is_same(kernel_half, master, vital.address)) report(vital.name, vital.address, root);
    }
  }
  // Where the next trap will push: the page at the stack's upper end.
  const VirtAddr trap_page = stack_top - kPageSize;
  if (!is_writable(kernel_half, trap_page)) report("kernel-stack", trap_page, root);
}
