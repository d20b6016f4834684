// Lab 3. A root for each process. You own this file.
#include "kernel/space/address_space.h"

#include <ranges>

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
  const Tables tables;
  for (const unsigned slot : std::views::iota(0u, slots)) {
    const Decoded entry = Format::decode(level, tables.read(table, slot));
    if (entry.kind != EntryKind::kLeaf && entry.kind != EntryKind::kTable) continue;
    const OwnedFrame owned = OwnedFrame::adopt(Frame::containing(entry.address));
    if (entry.kind == EntryKind::kTable) free_entries(entry.address, level - 1, kEntriesPerTable<Format>);
  }
}

}  // namespace

Result<AddressSpace> AddressSpace::create() {
  OwnedFrame root = TRY(OwnedFrame::allocate_zeroed());
  const Tables tables;
  for (const unsigned slot : std::views::iota(kUserSlots, kEntriesPerTable<Format>)) {
    tables.write(root.address(), slot, tables.read(kernel_root(), slot));
  }
  return AddressSpace(root.release().start());
}

AddressSpace AddressSpace::of_kernel() {
  AddressSpace space(Arch::active_root(VirtAddr{}));
  space.owned_ = false;
  return space;
}

void AddressSpace::load() const {
  UserMode::load_root(root_);
  UserMode::forget_user_translations();
}

void AddressSpace::destroy() {
  const OwnedFrame root = OwnedFrame::adopt(Frame::containing(root_));
  free_entries(root_, kRootLevel, kUserSlots);
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
