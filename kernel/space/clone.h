// The copy of an address space that fork makes.
#pragma once

#include "kernel/base/result.h"
#include "kernel/paging/page_copier.h"
#include "kernel/space/address_space.h"
#include "kernel/space/memory_map.h"

struct Clone {
  AddressSpace space;
  std::uint64_t pages;  // how many were copied
};

// A space with the same areas as `parent`, and a copy of each page of theirs that is there. kNoMemory, kNoSlot: then
// nothing is left of it. An area may promise a terabyte of which few pages are there: it takes time for these alone.
Result<Clone> clone_address_space(const AddressSpace& parent);
