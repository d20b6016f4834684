// The duty to flush, as an object. Whatever changes a live mapping returns one; the CPU may go on using the old
// translation until it is spent. Dropping it unspent is a bug of the kernel, and is caught.
#pragma once

#include <utility>

#include "arch/arch.h"
#include "kernel/base/addr.h"
#include "kernel/base/check.h"

class [[nodiscard]] StaleTlb {
 public:
  explicit StaleTlb(VirtAddr va) : va_(va) {}
  StaleTlb(StaleTlb&& other) noexcept : va_(other.va_), spent_(std::exchange(other.spent_, true)) {}
  StaleTlb& operator=(StaleTlb&&) = delete;
  ~StaleTlb() { CHECK(spent_, va_.raw()); }

  // Forgets the translation.
  void flush() {
    Arch::flush_page(va_);
    spent_ = true;
  }

  // For a root that no CPU has used since it was made or last flushed: there is nothing to forget.
  void root_was_never_loaded() { spent_ = true; }

 private:
  VirtAddr va_;
  bool spent_ = false;
};
