// Lab 3. A root for each process. You own this file.
#include "kernel/space/address_space.h"

#include "arch/user_mode.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/map/kernel_half.h"
#include "kernel/space/user_layout.h"

namespace {

using Format = Arch::Paging;
using Tables = WindowTables<Format::Entry>;

constexpr unsigned kRootLevel = Format::kLevels - 1;

using layout::kUserSlots;  // of a root; where it serves both halves, the others are the kernel's

// Frees the pages and tables that the first `slots` entries of `table` lead to, but not `table` itself.
void free_entries(PhysAddr table, unsigned level, unsigned slots) {
  // @lab 3 begin: free_entries
  //: Decode each entry. A leaf's frame and a table's frame both belong to the entry: OwnedFrame::adopt() takes the share
  //: over, and its destructor gives it back. A table's own entries go first.
#pragma GCC unroll 8  // hardly any entry is in use: what the loop itself costs is paid once for eight
  for (unsigned slot = 0; slot < slots; ++slot) {
    const Decoded entry = Format::decode(level, Tables().read(table, slot));
    if (entry.kind == EntryKind::kEmpty) continue;
    if (entry.kind == EntryKind::kTable) free_entries(entry.address, level - 1, kEntriesPerTable<Format>);
    const OwnedFrame freed = OwnedFrame::adopt(Frame::containing(entry.address));
  }
  // @lab 3 end
}

}  // namespace

Result<AddressSpace> AddressSpace::create() {
  // @lab 3 begin: create
  //: Allocate a cleared frame for the root. If one root serves both halves, copy the kernel's entries from
  //: kernel_root(): those from kUserSlots on. Copy entries and not tables, so that the tables stay everybody's.
  OwnedFrame root = TRY(OwnedFrame::allocate_zeroed());
  const PhysAddr from = kernel_root(), to = root.address();
#pragma GCC unroll 8  // as in free_entries()
  for (unsigned slot = kUserSlots; slot < kEntriesPerTable<Format>; ++slot) {
    Tables().write(to, slot, Tables().read(from, slot));
  }
  return AddressSpace(root.release().start());
  // @lab 3 end
}

AddressSpace AddressSpace::of_kernel() {
  AddressSpace space(Arch::active_root(VirtAddr{}));
  space.owned_ = false;
  return space;
}

void AddressSpace::load() const {
  // @lab 3 begin: load
  //: Give the root to the hardware. What the CPU remembers of the old root must not be used any more.
  UserMode::load_root(root_);
  UserMode::forget_user_translations();
  // @lab 3 end
}

void AddressSpace::destroy() {
  // @lab 3 begin: destroy
  //: Free what the user half of the root leads to, then the root. The kernel half is not yours to free.
  free_entries(root_, kRootLevel, kUserSlots);
  const OwnedFrame root = OwnedFrame::adopt(Frame::containing(root_));
  // @lab 3 end
}

AddressSpace::~AddressSpace() {
  if (!owned_) return;
  CHECK_NAMED("root-is-not-loaded", root_ != Arch::active_root(VirtAddr{}), root_.raw());
  destroy();
}

Result<void> AddressSpace::map(Page page, OwnedFrame frame, PageFlags flags) {
  if (!layout::is_user_range(page.start(), kPageSize)) return std::unexpected(Error::kBadAddress);
  CHECK(!flags.global, page.start().raw());  // it would outlive a switch of roots
  TRY(KernelTable(root_).map(page.start(), frame.address(), flags));
  frame.release();
  return {};
}

std::optional<Mapping> AddressSpace::lookup(VirtAddr va) const {
  if (!layout::is_user_range(va, 1)) return std::nullopt;
  const auto mapping = KernelTable(root_).lookup(va);
  return mapping && mapping->flags.user ? mapping : std::nullopt;
}
