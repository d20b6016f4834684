// Lab 3. unmap() and protect() for all formats: no other file of the host tests includes page_table_unmap.h.
#include "kernel/mm/page_table_map.h"
#include "kernel/mm/page_table_unmap.h"
#include "kernel/tests/engine.h"

Result<StaleTlb> Table::unmap(VirtAddr va) {
  return with_engine(*this, [&](auto engine) { return engine.unmap(va); });
}

Result<StaleTlb> Table::protect(VirtAddr va, PageFlags flags) {
  return with_engine(*this, [&](auto engine) { return engine.protect(va, flags); });
}
