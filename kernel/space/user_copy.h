// The memory of user programs, as the kernel reaches it: never through a user's pointer, always by way of the frames
// that the process's own tables name. So nothing here can fault, whatever a program passes.
#pragma once

#include <cstddef>
#include <span>

#include "kernel/base/result.h"
#include "kernel/space/address_space.h"

// A cleared frame for a page of the user's. kNoMemory; kNoSlot.
Result<OwnedFrame> allocate_user_frame();

// Copies all of `to` from `from`, in the user memory of `space`. kBadAddress if the user may not read any one of the
// bytes: then part of `to` may have been written. kNoSlot.
Result<void> copy_from_user(const AddressSpace& space, std::span<std::byte> to, VirtAddr from);

// Copies all of `from` to `to`, in the user memory of `space`. kBadAddress if the user may not write any one of the
// bytes: then those before it may have been written. kNoSlot.
Result<void> copy_to_user(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from);

// The same for a loader, who fills pages that the user may only read or execute.
Result<void> fill_user(const AddressSpace& space, VirtAddr to, std::span<const std::byte> from);
