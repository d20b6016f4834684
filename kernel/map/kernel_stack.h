// The kernel stack of a process: pages that it owns, over a guard that is never mapped.
#pragma once

#include <utility>

#include "kernel/base/addr.h"
#include "kernel/base/result.h"
#include "kernel/map/kernel_half.h"

class [[nodiscard]] KernelStack {
 public:
  // The stack of process slot `slot`, which has none yet. kNoMemory.
  static Result<KernelStack> allocate(unsigned slot);

  KernelStack(KernelStack&& other) noexcept : slot_(other.slot_), pages_(std::exchange(other.pages_, 0)) {}
  KernelStack& operator=(KernelStack&&) = delete;
  // Gives the pages back. Nobody may be on the stack any more.
  ~KernelStack();

  // Its upper end, where an empty stack begins.
  VirtAddr top() const { return layout::kKernelStacks + (slot_ + 1) * layout::kKernelStackSlot; }

 private:
  explicit KernelStack(unsigned slot) : slot_(slot) {}

  Page page(unsigned number) const { return Page::containing(top() - (number + 1) * kPageSize); }

  unsigned slot_;
  unsigned pages_ = 0;  // mapped from the top down
};
