// The ISA of the host tests: a CPU that does nothing, and a stretch of RAM that is an array (host_isa.cc).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "arch/x86_64/paging.h"
#include "kernel/tests/host_layout.h"

// Thrown by a CHECK that fails, so that a test can expect it. what() is the condition.
struct CheckFailed : std::logic_error {
  using std::logic_error::logic_error;
};

// What the tests see of the CPU.
struct HostCpu {
  bool interrupts = true;
  std::vector<VirtAddr> flushed;           // by flush_page(), in order
  std::function<void(VirtAddr)> on_flush;  // called by flush_page(), if set
  std::function<void()> on_flush_all;      // called by flush_all(), if set
  std::function<void()> on_table_written;  // called by table_written(), if set
  PhysAddr kernel_root, user_root;         // what the hardware walks for the kernel's addresses, and for all others

  std::string_view typed;         // what is still to arrive at the serial port
  bool is_silent = false;         // what the kernel prints is not shown
  std::function<void()> on_wait;  // called by wait_for_interrupt(), if set
};
HostCpu& host_cpu();

// The file that is the RAM.
int ram_file();

// What the host tests exit with when the code that they call is still to be written.
inline constexpr int kTodoStatus = 97;

struct Arch {
  using Paging = X86_64Paging;  // of the kernel's own tables; the tests choose their formats themselves
  static constexpr char kName[] = "host";

  static void console_start() {}
  static void console_write(char c);
  static std::optional<char> console_read();
  [[noreturn]] static void power_off();
  [[noreturn]] static void halt() { power_off(); }

  static void install_traps() {}
  static void breakpoint() {}

  static bool disable_interrupts();
  static void restore_interrupts(bool were_enabled);
  static void wait_for_interrupt();
  static void start_timer(unsigned microseconds) {}

  static void table_written();
  static void flush_page(VirtAddr va);
  static void flush_all();
  static PhysAddr active_root(VirtAddr va);
};
