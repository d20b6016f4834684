// The kernel's own page tables: the part of the engine that goes over a range, compiled for the format of this ISA.
#include "kernel/map/kernel_regions.h"
#include "kernel/paging/page_table_cursor.h"

template class PageTable<Arch::Paging>::Cursor;
