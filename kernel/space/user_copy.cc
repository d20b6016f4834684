// Lab 4. The memory of user programs, through temporary mappings. You own this file.
#include "kernel/space/user_copy.h"

#include <cstring>

#include "arch/user_mode.h"
#include "kernel/base/todo.h"
#include "kernel/map/temp_map.h"
#include "kernel/space/user_layout.h"

namespace {

// A window onto the page of `mapping`, and where in it the address is that was looked up.
std::byte* byte_in(const TempMap& window, const Mapping& mapping) {
  return window.bytes().data() + mapping.address.raw() % kPageSize;
}

// Writes into the page of `mapping`, through a window onto it. What may be executed must be seen by instruction
// fetches.
void put(const TempMap& window, const Mapping& mapping, std::span<const std::byte> bytes) {
  std::byte* to = byte_in(window, mapping);
  std::memcpy(to, bytes.data(), bytes.size());
  if (mapping.flags.execute) UserMode::code_written(window.address(), kPageSize);
}

enum class Needs : std::uint8_t { kWritePermission, kNothing };

Result<void> copy_to_pages(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from, Needs needs) {
  // @lab 4 begin: copy_to_pages
  //: Refuse a range that is not the user's; layout::is_user_range() cannot overflow. Then page by page: look up where the
  //: page is, open a window onto its frame, and put() what lies in this page. Two pages that are neighbours for the user
  //: are not neighbours in RAM. If `needs` says so, each page must be writable for the user.
  if (!layout::is_user_range(to, from.size())) return std::unexpected(Error::kBadAddress);
  while (!from.empty()) {
    const auto mapping = space.lookup(to);
    if (!mapping || (needs == Needs::kWritePermission && !mapping->flags.write)) {
      return std::unexpected(Error::kBadAddress);
    }
    const std::size_t size = within_page(to, from.size());
    const TempMap window = TRY(TempMap::open(Frame::containing(mapping->address)));
    put(window, *mapping, from.first(size));
    from = from.subspan(size);
    to = to + size;
  }
  return {};
  // @lab 4 end
}

}  // namespace

Result<OwnedFrame> allocate_user_frame() {
  // @lab 4 begin: allocate_user_frame
  //: User pages come from beyond the linear window: Zone::kBeyond. Whatever was in the frame must not be seen by its new
  //: owner: open a window and clear it.
  OwnedFrame frame = TRY(OwnedFrame::allocate(Zone::kBeyond));
  const TempMap window = TRY(TempMap::open(frame.frame()));
  std::memset(window.bytes().data(), 0, kPageSize);
  return frame;
  // @lab 4 end
}

Result<void> copy_from_user(const AddressSpace& space, std::span<std::byte> to, VirtAddr from) {
  // @lab 4 begin: copy_from_user
  //: As copy_to_pages(), the other way round. lookup() names only pages that the user may read.
  if (!layout::is_user_range(from, to.size())) return std::unexpected(Error::kBadAddress);
  while (!to.empty()) {
    const auto mapping = space.lookup(from);
    if (!mapping) return std::unexpected(Error::kBadAddress);
    const std::size_t size = within_page(from, to.size());
    const TempMap window = TRY(TempMap::open(Frame::containing(mapping->address)));
    std::memcpy(to.data(), byte_in(window, *mapping), size);
    to = to.subspan(size);
    from = from + size;
  }
  return {};
  // @lab 4 end
}

Result<void> copy_to_user(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from) {
  return copy_to_pages(space, to, from, Needs::kWritePermission);
}

Result<void> fill_user(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from) {
  return copy_to_pages(space, to, from, Needs::kNothing);
}
