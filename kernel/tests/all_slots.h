// All slots of temporary mappings taken, for tests of what happens then.
#pragma once

#include <utility>
#include <vector>

#include "kernel/map/temp_map.h"

// Windows until no slot is left.
inline std::vector<TempMap> take_all_slots() {
  std::vector<TempMap> all;
  while (auto window = TempMap::open(Frame::containing(kernel_root()))) all.push_back(std::move(*window));
  return all;
}
