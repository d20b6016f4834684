// Keeps interrupts off while it lives; gives back the state it found.
#pragma once

#include "arch/arch.h"

class [[nodiscard]] IrqGuard {
 public:
  IrqGuard() : were_enabled_(Arch::disable_interrupts()) {}
  ~IrqGuard() { Arch::restore_interrupts(were_enabled_); }
  IrqGuard(const IrqGuard&) = delete;
  IrqGuard& operator=(const IrqGuard&) = delete;

 private:
  bool were_enabled_;
};
