// Pages follow areas: brought when they are touched, changed and dropped when their areas are.
#pragma once

#include "kernel/base/result.h"
#include "kernel/base/trap.h"
#include "kernel/space/address_space.h"

struct Protection;

// From lab 5 on, fault.cc: brings the page at `va`, which is not there, for an access of that kind: with the contents
// and the protection that its area promises. An access below the stack makes the stack grow first, if its limit and its
// guard permit that; what it grows by is as its lowest area is. kNoArea, kNotPermitted: the process may not do this.
// kAlreadyMapped: the page is there. kNoMemory; kNoSlot.
Result<void> resolve_fault(AddressSpace& space, VirtAddr va, Access access);

// The same for all pages of `size` bytes from `start` on that are not there yet: for whoever is about to copy. Stops at
// the first error. (Until lab 5 all pages of a program are there from its beginning: load_at_once.cc.)
Result<void> resolve_range(AddressSpace& space, VirtAddr start, std::uint64_t size, Access access);

// From lab 5 on, fault.cc: gives the pages that are there from `start` to `end` the protection that their area has by
// now. The range may be a terabyte of which few pages are there: it takes time for these alone.
void protect_pages(AddressSpace& space, VirtAddr start, VirtAddr end, Protection protection);

// From lab 5 on, fault.cc: gives the pages that are there from `start` to `end` back. No area may promise them any
// more. It takes time as protect_pages() does.
void drop_pages(AddressSpace& space, VirtAddr start, VirtAddr end);
