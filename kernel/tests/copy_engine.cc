// Lab 6. map_copies() for all formats.
#include "kernel/paging/page_table_copy.h"
#include "kernel/tests/engine.h"

namespace {

// Gives frames of its own, and notes of which pages it was asked for copies.
struct Copier {
  std::vector<PhysAddr>& copied;

  Result<OwnedFrame> operator()(const Decoded& page) const {
    copied.push_back(page.address);
    return OwnedFrame::allocate(Zone::kWindow);
  }
};

}  // namespace

Result<void> Table::map_copies(const Table& other, VirtAddr start, VirtAddr end, std::vector<PhysAddr>& copied) {
  return with_engine(*this, [&]<typename Engine>(Engine engine) {
    return engine.map_copies(Engine(other.root()), start, end, Copier{copied});
  });
}
