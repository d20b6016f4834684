// The MMU of the host's machine. It remembers every translation for as long as a CPU may, so whoever forgets a flush
// meets the old page. Temporary mappings are real memory of this process, and their pages follow what the MMU
// remembers; to reach a user's frame in any other way is reported by AddressSanitizer (host_isa.cc).
#pragma once

#include <array>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernel/base/addr.h"
#include "kernel/map/kernel_half.h"
#include "kernel/tests/hardware.h"
#include "kernel/tests/machine_test.h"

class Mmu {
 public:
  // The machine is switched on (machine_test.h), RAM beyond the window is full of rubbish, too, and the kernel's half
  // of the address space is prepared, under a root of the kernel's.
  void switch_on();

  // What the CPU is told, and what it does of itself when a table is written.
  void load_user_root(PhysAddr root);
  void forget_user_pages();
  void flush(VirtAddr va);
  void flush_all();
  void code_written(VirtAddr va, std::uint64_t size);
  void table_written();

  // What a user program finds at `va`; nothing if it would fault.
  std::optional<Translation> user_page(VirtAddr va) const;
  // The first of the bytes that it executes from the start of the page at `va` on: rubbish where nobody told the CPU of
  // new code. Nothing if it may not execute there.
  std::string fetched(VirtAddr va, std::size_t size) const;

  // How many temporary mappings the CPU can use. One that was closed but not flushed still counts.
  unsigned open_windows() const;

  // What the CPU did that must never happen, and which translations it remembers that no table has any more.
  std::vector<std::string> complaints() const;

 private:
  using Entry = std::uint64_t;  // as it stands in the table
  using UserPages = std::map<VirtAddr, Entry>;
  struct Window {
    PhysAddr frame;
    bool write;
    bool operator==(const Window&) const = default;
  };

  UserPages user_pages_of_tables();
  void add_pages_below(PhysAddr table, unsigned level, VirtAddr va, UserPages& pages);
  std::optional<Window> window_of_tables(unsigned slot) const;
  void open(unsigned slot, const Window& window);
  void close(unsigned slot);
  void look_at_windows();
  void look_at_user_pages();
  void expect_in_use(PhysAddr frame, VirtAddr va);
  void complain(const std::string& what, VirtAddr va);

  PhysAddr kernel_root_, user_root_;
  UserPages user_pages_;
  std::array<std::optional<Window>, layout::kTempSlots> windows_;
  std::map<PhysAddr, std::string> code_;  // of a frame, as instruction fetches see it
  std::vector<std::string> complaints_;
};
Mmu& mmu();

// The bytes of a frame, in the window or beyond it, past all tables.
std::span<char, kPageSize> bytes_of(PhysAddr frame);
