// A kernel that loops. Stands in for kernel/main.cc.
extern "C" void start_low() {
  for (;;) asm volatile("");
}

extern "C" void kernel_main() {}
