// The kernel's own page tables: the part of the engine that copies, compiled for the format of this ISA.
#include "kernel/map/kernel_regions.h"
#include "kernel/paging/page_table_copy.h"

template Result<void> PageTable<Arch::Paging>::map_copies(const PageTable<Arch::Paging>&, VirtAddr, VirtAddr,
                                                          PageCopier);
template Result<void> PageTable<Arch::Paging>::copy_entries(TablePair, VirtAddr, VirtAddr, PageCopier);
template Result<void> PageTable<Arch::Paging>::copy_pages(TablePair, unsigned, unsigned, PageCopier);
template Result<PhysAddr> PageTable<Arch::Paging>::table_below(TablePair, unsigned);
