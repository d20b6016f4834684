#include "kernel/space/check_root.h"

#include <string_view>

#include "arch/user_mode.h"
#include "kernel/base/print.h"
#include "kernel/base/trap.h"
#include "kernel/map/kernel_half.h"

namespace {

using Format = Arch::Paging;
constexpr unsigned kRootLevel = Format::kLevels - 1;

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
  if (one == other) return true;
  const WindowTables<Format::Entry> memory;
  const unsigned index = table_index<Format>(va, kRootLevel);
  const Decoded ours = Format::decode(kRootLevel, memory.read(one, index));
  const Decoded theirs = Format::decode(kRootLevel, memory.read(other, index));
  return ours.kind == theirs.kind && ours.address == theirs.address;
}

}  // namespace

void check_root(PhysAddr root, VirtAddr stack_top) {
  const PhysAddr kernel_half = root_of_kernel_half(root);
  for (const Vital& vital : UserMode::vitals()) {
    if (!is_same(kernel_half, kernel_root(), vital.address)) report(vital.name, vital.address, root);
  }
  // Where the next trap will push: the page at the stack's upper end.
  const VirtAddr trap_page = stack_top - kPageSize;
  const auto mapping = KernelTable(kernel_half).lookup(trap_page);
  if (!mapping || !mapping->flags.write || mapping->flags.user) report("kernel-stack", trap_page, root);
}
