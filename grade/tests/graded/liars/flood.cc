// A kernel that prints for ever, and no end of line. Stands in for kernel/main.cc.
#include "arch/arch.h"

extern "C" void start_low() {
  Arch::console_start();
  for (;;) Arch::console_write('x');
}

extern "C" void kernel_main() {}
