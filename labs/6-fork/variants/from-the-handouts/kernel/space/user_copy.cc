// Lab 4. The memory of user programs, through temporary mappings. You own this file.
#include "kernel/space/user_copy.h"

#include <cstring>

#include "arch/user_mode.h"
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

// The page at `va`, if the user has it and what is needed of it.
Result<Mapping> page_for(const AddressSpace& space, VirtAddr va, Needs needs) {
  const auto mapping = space.lookup(va);
  if (!mapping || (needs == Needs::kWritePermission && !mapping->flags.write)) {
    return std::unexpected(Error::kBadAddress);
  }
  return *mapping;
}

Result<TempMap> window_onto(const Mapping& mapping) {
  return TempMap::open(Frame::containing(mapping.address));
}

// First the whole range is looked at, and nothing written unless all of it is in order.
Result<void> copy_to_pages(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from, Needs needs) {
  if (!layout::is_user_range(to, from.size())) return std::unexpected(Error::kBadAddress);
  for (std::size_t done = 0; done < from.size(); done += within_page(to + done, from.size() - done)) {
    TRY(page_for(space, to + done, needs));
  }
  for (std::size_t done = 0; done < from.size();) {
    const std::size_t size = within_page(to + done, from.size() - done);
    const Mapping mapping = TRY(page_for(space, to + done, needs));
    const TempMap window = TRY(window_onto(mapping));
    put(window, mapping, from.subspan(done, size));
    done += size;
  }
  return {};
}

}  // namespace

Result<OwnedFrame> allocate_user_frame() {
  OwnedFrame frame = TRY(OwnedFrame::allocate(Zone::kBeyond));
  const TempMap window = TRY(TempMap::open(frame.frame()));
  std::memset(window.bytes().data(), 0, kPageSize);
  return frame;
}

Result<void> copy_from_user(const AddressSpace& space, std::span<std::byte> to, VirtAddr from) {
  if (!layout::is_user_range(from, to.size())) return std::unexpected(Error::kBadAddress);
  // From the last page to the first.
  for (std::size_t left = to.size(); left > 0;) {
    const std::uint64_t in_last = (from + (left - 1)).raw() % kPageSize + 1;
    const std::size_t size = in_last < left ? in_last : left;
    left -= size;
    const Mapping mapping = TRY(page_for(space, from + left, Needs::kNothing));
    const TempMap window = TRY(window_onto(mapping));
    std::memcpy(to.data() + left, byte_in(window, mapping), size);
  }
  return {};
}

Result<void> copy_to_user(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from) {
  return copy_to_pages(space, to, from, Needs::kWritePermission);
}

Result<void> fill_user(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from) {
  return copy_to_pages(space, to, from, Needs::kNothing);
}
