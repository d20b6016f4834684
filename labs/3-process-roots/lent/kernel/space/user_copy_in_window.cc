// The memory of user programs, as long as all of it lies in the linear window. Lent to you for lab 3: lab 4 takes this
// file back, and you write user_copy.cc in its place, for all of RAM.
#include <cstring>

#include "arch/user_mode.h"
#include "kernel/base/layout.h"
#include "kernel/space/user_copy.h"
#include "kernel/space/user_layout.h"

namespace {

enum class Needs : std::uint8_t { kWritePermission, kNothing };

Result<void> copy_to_pages(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from, Needs needs) {
  if (!layout::is_user_range(to, from.size())) return std::unexpected(Error::kBadAddress);
  while (!from.empty()) {
    const auto mapping = space.lookup(to);
    if (!mapping || (needs == Needs::kWritePermission && !mapping->flags.write)) {
      return std::unexpected(Error::kBadAddress);
    }
    const std::size_t size = within_page(to, from.size());
    std::memcpy(pointer_to(mapping->address), from.data(), size);
    if (mapping->flags.execute)
      UserMode::code_written(to_virtual(Frame::containing(mapping->address).start()), kPageSize);
    from = from.subspan(size);
    to = to + size;
  }
  return {};
}

}  // namespace

Result<OwnedFrame> allocate_user_frame() {
  return OwnedFrame::allocate_zeroed();
}

Result<void> copy_from_user(const AddressSpace& space, std::span<std::byte> to, VirtAddr from) {
  if (!layout::is_user_range(from, to.size())) return std::unexpected(Error::kBadAddress);
  while (!to.empty()) {
    const auto mapping = space.lookup(from);
    if (!mapping) return std::unexpected(Error::kBadAddress);
    const std::size_t size = within_page(from, to.size());
    std::memcpy(to.data(), pointer_to(mapping->address), size);
    to = to.subspan(size);
    from = from + size;
  }
  return {};
}

Result<void> copy_to_user(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from) {
  return copy_to_pages(space, to, from, Needs::kWritePermission);
}

Result<void> fill_user(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from) {
  return copy_to_pages(space, to, from, Needs::kNothing);
}
