// The kernel's own page tables: what students write of the engine, compiled for the format of this ISA. One unit, so
// that what the headers have in common need be in one of them only.
#include "kernel/map/kernel_regions.h"
#include "kernel/paging/page_table_map.h"
// @from 3
#include "kernel/paging/page_table_unmap.h"
// @end

template class PageTable<Arch::Paging>;
