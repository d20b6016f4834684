// A kernel that sleeps and that nothing wakes. Stands in for kernel/main.cc.
#include "arch/arch.h"

extern "C" void start_low() {
  Arch::halt();
}

extern "C" void kernel_main() {}
