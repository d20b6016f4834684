// Boot order, one call per line. arch/<isa>/boot.S calls the two functions, one after the other.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/boot_parameters.h"
#include "kernel/base/clock.h"
#include "kernel/base/print.h"
#include "kernel/frames/frame_allocator.h"
#include "kernel/monitor/monitor.h"
// @from 3
#include "kernel/process/start.h"
// @end

// Runs at physical addresses, where the kernel was loaded.
extern "C" void start_low() {
  Arch::console_start();
  Arch::install_traps();
  initialise_frames();
  turn_on_paging();
  // @from 2
  map_high_half();
  // @end
}

// Runs where the kernel stays.
extern "C" [[noreturn]] void kernel_main() {
  // @from 2
  leave_low_half();
  // @end
  Line() << "Pagewalk on " << Arch::kName;
  Fact("boot").field("isa", std::string_view(Arch::kName)).field("nonce", Hex{boot_parameters().nonce});
  // @from 3
  start_processes();
  // @end
  Arch::start_timer(kTickMicroseconds);
  run_monitor();
}
