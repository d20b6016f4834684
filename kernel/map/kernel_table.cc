// The kernel's own page tables: the engine compiled for the format of this ISA, here and nowhere else.
#include "kernel/map/kernel_regions.h"
#include "kernel/paging/page_table_map.h"
// @from 3
#include "kernel/paging/page_table_unmap.h"
// @end
// @from 5
#include "kernel/paging/page_table_cursor.h"
// @end
// @from 6
#include "kernel/paging/page_table_copy.h"
// @end

template class PageTable<Arch::Paging>;
