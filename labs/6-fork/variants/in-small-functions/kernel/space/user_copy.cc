// Lab 4. The memory of user programs, through temporary mappings. You own this file.
#include "kernel/space/user_copy.h"

#include <algorithm>
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

bool permits(const std::optional<Mapping>& mapping, Needs needs) {
  return mapping && (needs == Needs::kNothing || mapping->flags.write);
}

// Calls action(address, offset, size) for each piece of the range that lies in one page, until one fails.
template <typename Action>
Result<void> for_each_piece(VirtAddr start, std::size_t size, Action action) {
  for (std::size_t offset = 0; offset < size;) {
    const std::size_t piece = within_page(start + offset, size - offset);
    TRY(action(start + offset, offset, piece));
    offset += piece;
  }
  return {};
}

// Looks at all pages of the range first; only then copies: copy(window, mapping, offset, size) for each piece.
template <typename Copy>
Result<void> copy_by_pages(const AddressSpace& space, VirtAddr start, std::size_t size, Needs needs, Copy copy) {
  if (!layout::is_user_range(start, size)) return std::unexpected(Error::kBadAddress);
  TRY(for_each_piece(start, size, [&](VirtAddr va, std::size_t, std::size_t) -> Result<void> {
    if (!permits(space.lookup(va), needs)) return std::unexpected(Error::kBadAddress);
    return {};
  }));
  return for_each_piece(start, size, [&](VirtAddr va, std::size_t offset, std::size_t piece) -> Result<void> {
    const Mapping mapping = *space.lookup(va);
    const TempMap window = TRY(TempMap::open(Frame::containing(mapping.address)));
    copy(window, mapping, offset, piece);
    return {};
  });
}

Result<void> copy_to_pages(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from, Needs needs) {
  return copy_by_pages(space, to, from.size(), needs,
                       [&](const TempMap& window, const Mapping& mapping, std::size_t offset, std::size_t size) {
                         put(window, mapping, from.subspan(offset, size));
                       });
}

}  // namespace

Result<OwnedFrame> allocate_user_frame() {
  OwnedFrame frame = TRY(OwnedFrame::allocate(Zone::kBeyond));
  const TempMap window = TRY(TempMap::open(frame.frame()));
  std::ranges::fill(window.bytes(), std::byte{0});
  return frame;
}

Result<void> copy_from_user(const AddressSpace& space, std::span<std::byte> to, VirtAddr from) {
  return copy_by_pages(space, from, to.size(), Needs::kNothing,
                       [&](const TempMap& window, const Mapping& mapping, std::size_t offset, std::size_t size) {
                         std::memcpy(to.data() + offset, byte_in(window, mapping), size);
                       });
}

Result<void> copy_to_user(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from) {
  return copy_to_pages(space, to, from, Needs::kWritePermission);
}

Result<void> fill_user(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from) {
  return copy_to_pages(space, to, from, Needs::kNothing);
}
