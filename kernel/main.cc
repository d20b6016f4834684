// Boot order, one call per line. arch/<isa>/boot.S calls the two functions, one after the other.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/boot_parameters.h"
#include "kernel/base/clock.h"
#include "kernel/base/print.h"
#include "kernel/frames/frame_allocator.h"
#include "kernel/monitor/monitor.h"

// Runs at physical addresses, where the kernel was loaded.
extern "C" void start_low() {
  Arch::console_start();
  Arch::install_traps();
  initialise_frames();
  turn_on_paging();
  map_high_half();
}

// Runs where the kernel stays.
extern "C" [[noreturn]] void kernel_main() {
  leave_low_half();
  Line() << "Pagewalk on " << Arch::kName;
  Fact("boot").field("isa", std::string_view(Arch::kName)).field("nonce", Hex{boot_parameters().nonce});
  start_processes();
  Arch::start_timer(kTickMicroseconds);
  run_monitor();
}
