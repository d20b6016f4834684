// The contract between kernel/ and an ISA: what kernel/ may ask of `Arch`. Each ISA implements it in arch/<isa>/, with
// the same file names, so that `diff -r arch/x86_64 arch/aarch64` is a lesson. kernel/ includes no other file of arch/
// but layout.h, boot.h and, from lab 3 on, user_mode.h.
#pragma once

#include <concepts>
#include <cstdint>
#include <optional>

#include "kernel/base/addr.h"
#include "kernel/paging/paging_format.h"

template <typename A>
concept ArchContract = requires(char c, bool were_enabled, VirtAddr va, unsigned microseconds) {
  // The ISA's page tables, and its name.
  requires PagingFormat<typename A::Paging>;
  { A::kName } -> std::convertible_to<const char*>;

  // Prepares the serial port. Until then it sends, but takes only one character at a time.
  { A::console_start() } -> std::same_as<void>;
  // Sends a character over the serial port; waits until the port takes it.
  { A::console_write(c) } -> std::same_as<void>;
  // The next character that arrived on the serial port, if there is one. Does not wait.
  { A::console_read() } -> std::same_as<std::optional<char>>;
  // Turns the machine off, or stops the CPU for ever where even that would fault. Do not return.
  { A::power_off() } -> std::same_as<void>;
  { A::halt() } -> std::same_as<void>;

  // Points the CPU at the kernel's exception vectors and what they need (x86: GDT, TSS, IDT), at the addresses where
  // the code runs now. Call it again after the addresses have changed.
  { A::install_traps() } -> std::same_as<void>;
  // Runs a breakpoint instruction; the kernel's handler returns to what follows it.
  { A::breakpoint() } -> std::same_as<void>;

  // Turns interrupts off and says whether they were on; the pair of it.
  { A::disable_interrupts() } -> std::same_as<bool>;
  { A::restore_interrupts(were_enabled) } -> std::same_as<void>;
  // With interrupts off: sleeps until one is pending, then takes it, and returns with interrupts off again.
  { A::wait_for_interrupt() } -> std::same_as<void>;
  // Makes the timer interrupt every so many microseconds. The controller's registers must be mapped.
  { A::start_timer(microseconds) } -> std::same_as<void>;

  // Makes an entry just written to a table visible to the hardware's walker. Needed even where the entry was empty.
  { A::table_written() } -> std::same_as<void>;
  // Forgets the translation of `va`, or all translations, global ones included.
  { A::flush_page(va) } -> std::same_as<void>;
  { A::flush_all() } -> std::same_as<void>;
  // The root that the hardware walks for `va` right now.
  { A::active_root(va) } -> std::same_as<PhysAddr>;
};

#if defined(PAGEWALK_ISA_x86_64)
#include "arch/x86_64/isa.h"
#elif defined(PAGEWALK_ISA_aarch64)
#include "arch/aarch64/isa.h"
#else
#include "kernel/tests/host_isa.h"
#endif

static_assert(ArchContract<Arch>);
