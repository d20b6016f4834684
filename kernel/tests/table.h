// The page-table engine as its tests see it: without its types, for all formats. The engine is a template that students
// write. The files *_engine.cc alone include it, so that an edit of it compiles no test again, and each test is
// compiled once and not once for each format.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "kernel/base/addr.h"
#include "kernel/base/result.h"
#include "kernel/paging/page_flags.h"
#include "kernel/tests/hardware.h"

class StaleTlb;

// A PageTable of some format. What its functions do is written in kernel/paging/page_table.h.
class Table {
 public:
  // `watch`, if there is one, is told of each write; it must outlive this object and its copies.
  Table(const Hardware& hardware, PhysAddr root, Watch* watch = nullptr)
      : hardware_(&hardware), root_(root), watch_(watch) {}

  const Hardware& hardware() const { return *hardware_; }
  PhysAddr root() const { return root_; }
  Watch* watch() const { return watch_; }

  // In map_engine.cc.
  [[nodiscard]] Result<void> map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level = 0);
  [[nodiscard]] Result<void> map_range(VirtAddr va, PhysAddr pa, std::uint64_t size, PageFlags flags);
  std::optional<Translation> lookup(VirtAddr va) const;
  // The same for many addresses.
  std::vector<std::optional<Translation>> lookup_all(const std::vector<VirtAddr>& places) const;

  // In unmap_engine.cc, from lab 3 on.
  [[nodiscard]] Result<StaleTlb> unmap(VirtAddr va);
  [[nodiscard]] Result<StaleTlb> protect(VirtAddr va, PageFlags flags);

  // In cursor_engine.cc, from lab 5 on: moves a cursor over the range, and does with each leaf what `visit` says. After
  // each change its token is spent.
  struct Found {
    VirtAddr start;
    Translation translation;
  };
  struct Deed {
    enum { kNothing, kUnmap, kProtect, kStop } what = kNothing;
    PageFlags flags = {};
  };
  void go_over(VirtAddr start, VirtAddr end, const std::function<Deed(const Found&)>& visit);

  // In copy_engine.cc, from lab 6 on. The copier gives frames of the window; `copied` receives the pages that it was
  // asked to copy.
  [[nodiscard]] Result<void> map_copies(const Table& other, VirtAddr start, VirtAddr end,
                                        std::vector<PhysAddr>& copied);

 private:
  const Hardware* hardware_;
  PhysAddr root_;
  Watch* watch_;
};
