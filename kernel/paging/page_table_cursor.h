// How PageTable goes over what is mapped in a range.
#pragma once

#include <array>

#include "kernel/paging/page_table.h"

// A place in the tables that moves from one page or block of a range to the next. What it stands on may be changed and
// taken away. It walks down from the root once, and not once for each page; empty entries of a high level are passed at
// one step.
template <PagingFormat F, TableMemory<typename F::Entry> M>
class PageTable<F, M>::Cursor {
 public:
  // Stands before the lowest leaf that maps an address from `start` on and before `end`.
  Cursor(const PageTable& tables, VirtAddr start, VirtAddr end);
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;
  ~Cursor();

  // Moves to the next leaf. False if there is none: then only the destructor may be called.
  bool next();

  // Where the leaf begins, and what it maps: as it was found, whatever was done to it since.
  VirtAddr start() const { return start_; }
  Mapping mapping() const { return {here_.decoded.address, level_size<F>(here_.level), here_.decoded.flags}; }

  // Gives the leaf other flags.
  StaleTlb protect(PageFlags flags);

  // Takes the leaf away; its entry is 0 again. If its table is empty when the cursor leaves it, the table is freed.
  StaleTlb unmap();

 private:
  void leave_table();
  bool is_in_use(const Slot& slot) const;

  PageTable tables_;
  std::optional<VirtAddr> next_;  // where to go on; nothing at the end of the address space
  VirtAddr end_;
  VirtAddr start_;  // of the addresses that `here_` is the entry of
  Slot here_;
  std::array<PhysAddr, F::kLevels> way_{};  // the tables on the way down to here_.table, by level
  bool has_taken_ = false;                  // if not, no table that it leaves can have become empty
};

// The lowest address from `va` on that the format translates. Between the halves none does: there the indices are those
// of other addresses.
template <PagingFormat F>
constexpr std::optional<VirtAddr> next_translated(VirtAddr va) {
  constexpr unsigned kBits = level_shift<F>(F::kLevels) - (F::kUpperBits == UpperBits::kSignExtended ? 1 : 0);
  if (can_translate<F>(va)) return va;
  if (F::kUpperBits == UpperBits::kZero) return std::nullopt;
  return VirtAddr{0 - (std::uint64_t{1} << kBits)};
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
PageTable<F, M>::Cursor::Cursor(const PageTable& tables, VirtAddr start, VirtAddr end)
    : tables_(tables),
      next_(next_translated<F>(start)),
      end_(end),
      start_(start),
      here_{tables.root_, F::kLevels - 1, 0, {}} {
  way_[here_.level] = here_.table;
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
bool PageTable<F, M>::Cursor::next() {
  while (next_ && *next_ < end_) {
    const std::uint64_t crossed = next_->raw() ^ start_.raw();
    while (here_.level + 1 < F::kLevels && crossed >> level_shift<F>(here_.level + 1) != 0) leave_table();
    here_ = tables_.slot(here_.table, here_.level, *next_);
    while (here_.decoded.kind == EntryKind::kTable) {
      here_ = tables_.slot(here_.decoded.address, here_.level - 1, *next_);
      way_[here_.level] = here_.table;
    }
    const std::uint64_t size = level_size<F>(here_.level);
    start_ = VirtAddr{round_down(next_->raw(), size)};
    next_ = start_ + size > start_ ? next_translated<F>(start_ + size) : std::nullopt;
    if (here_.decoded.kind == EntryKind::kLeaf) return true;
  }
  return false;
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
StaleTlb PageTable<F, M>::Cursor::protect(PageFlags flags) {
  tables_.memory_.write(here_.table, here_.index, F::leaf(here_.level, here_.decoded.address, flags));
  return StaleTlb(start_);
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
StaleTlb PageTable<F, M>::Cursor::unmap() {
  tables_.memory_.write(here_.table, here_.index, 0);
  has_taken_ = true;
  return StaleTlb(start_);
}

// Goes up from a table to the one above it. A table that became empty on the way is cut out, and then freed.
template <PagingFormat F, TableMemory<typename F::Entry> M>
void PageTable<F, M>::Cursor::leave_table() {
  const Slot left = here_;
  here_ = {.table = way_[left.level + 1],
           .level = left.level + 1,
           .index = table_index<F>(start_, left.level + 1),
           .decoded = {}};
  if (!has_taken_ || is_in_use(left)) return;
  tables_.memory_.write(here_.table, here_.index, 0);
  tables_.memory_.forget(start_);
  const OwnedFrame freed = OwnedFrame::adopt(Frame::containing(left.table));
}

// Whether the table in which a slot is has any entry. (What unmap() knows of that is the student's to change.)
template <PagingFormat F, TableMemory<typename F::Entry> M>
bool PageTable<F, M>::Cursor::is_in_use(const Slot& slot) const {
  for (unsigned i = 0; i < kEntriesPerTable<F>; ++i) {
    if (F::decode(slot.level, tables_.memory_.read(slot.table, i)).kind != EntryKind::kEmpty) return true;
  }
  return false;
}

template <PagingFormat F, TableMemory<typename F::Entry> M>
PageTable<F, M>::Cursor::~Cursor() {
  while (here_.level + 1 < F::kLevels) leave_table();
}

extern template class PageTable<Arch::Paging>::Cursor;  // compiled in kernel_table_cursor.cc
