// Mutual exclusion. There is one CPU, and a holder keeps interrupts off: a lock that is found held was taken by the
// very code that asks again. That is a deadlock, and is reported as one.
#pragma once

#include "kernel/base/check.h"

class Spinlock {
 public:
  void lock() {
    CHECK_NAMED("lock-is-free", !held_);
    held_ = true;
  }
  void unlock() { held_ = false; }

 private:
  bool held_ = false;
};
