// Data together with its lock: whoever wants the data must hold the lock.
//   constinit Guarded<FrameAllocator> g_frames;
//   g_frames.lock()->allocate(Zone::kWindow);
#pragma once

#include "kernel/sync/irq_guard.h"
#include "kernel/sync/spinlock.h"

template <typename T>
class Guarded {
 public:
  // Holds the lock, with interrupts off, while it lives. Functions that need the lock held take one as a parameter.
  class [[nodiscard]] Guard {
   public:
    explicit Guard(Guarded& guarded) : guarded_(guarded) { guarded_.lock_.lock(); }
    ~Guard() { guarded_.lock_.unlock(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;

    T* operator->() { return &guarded_.data_; }
    T& operator*() { return guarded_.data_; }

   private:
    IrqGuard irqs_;  // taken before the lock, given back after it
    Guarded& guarded_;
  };

  constexpr Guarded() = default;

  Guard lock() { return Guard(*this); }

 private:
  Spinlock lock_;
  T data_{};
};
