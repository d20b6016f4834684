// Lab 3. unmap() and protect() for all formats, with the functions of lab 1 that they are built on: in one unit, as in
// the kernel, so that what the two headers have in common need be in one of them only.
#include "kernel/tests/map_engine.cc"

#include "kernel/paging/page_table_unmap.h"

Result<StaleTlb> Table::unmap(VirtAddr va) {
  return with_engine(*this, [&](auto engine) { return engine.unmap(va); });
}

Result<StaleTlb> Table::protect(VirtAddr va, PageFlags flags) {
  return with_engine(*this, [&](auto engine) { return engine.protect(va, flags); });
}
