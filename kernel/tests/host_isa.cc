#include "arch/arch.h"

#include <sanitizer/asan_interface.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "kernel/base/check.h"
#include "kernel/base/layout.h"
#include "kernel/base/print.h"
#include "kernel/base/todo.h"

namespace {

// The window, and after it a stretch that nobody may touch: AddressSanitizer reports who reaches a frame beyond.
constexpr std::size_t kBeyond = kMiB;
alignas(kPageSize) std::array<char, layout::kWindowSize + kBeyond> g_ram;
[[maybe_unused]] const bool g_is_guarded = [] {
  ASAN_POISON_MEMORY_REGION(g_ram.data() + layout::kWindowSize, kBeyond);
  return true;
}();

std::uint64_t address_of(const void* object) {
  return reinterpret_cast<std::uint64_t>(object);
}

}  // namespace

// An image of 4 MiB without anything in it. `self` is chosen so that the kernel's linear_offset(), which is
// &image_map - image_map.self, leads from kRamBase to the array.
const ImageMap image_map{
    .self = layout::kRamBase + (address_of(&image_map) - address_of(g_ram.data())),
    .text = {},
    .text_end = {},
    .rodata = {},
    .rodata_end = {},
    .data = {},
    .data_end = {},
    .boot_stack = {},
    .boot_stack_end = {},
    .emergency_stack = {},
    .emergency_stack_end = {},
    .end = layout::kRamBase + 4 * kMiB,
};

void check_failed(const char*, const char* condition, const char*, int, std::uint64_t, std::uint64_t) {
  throw CheckFailed(condition);
}

// No test that follows can tell more, so the program ends at once.
void lab_todo(int lab, const char* function) {
  Line() << "Lab " << static_cast<unsigned>(lab) << ": " << function << " is not written yet.";
  Fact("todo").field("lab", static_cast<unsigned>(lab)).field("function", function);
  std::fflush(stdout);
  std::_Exit(kTodoStatus);
}

HostCpu& host_cpu() {
  static HostCpu cpu;
  return cpu;
}

void Arch::console_write(char c) {
  if (!host_cpu().is_silent) std::putchar(c);
}

std::optional<char> Arch::console_read() {
  std::string_view& typed = host_cpu().typed;
  if (typed.empty()) return std::nullopt;
  const char c = typed.front();
  typed.remove_prefix(1);
  return c;
}

void Arch::wait_for_interrupt() {
  if (host_cpu().on_wait) host_cpu().on_wait();
}

void Arch::power_off() {
  std::abort();
}

bool Arch::disable_interrupts() {
  return std::exchange(host_cpu().interrupts, false);
}

void Arch::restore_interrupts(bool were_enabled) {
  host_cpu().interrupts = were_enabled;
}

void Arch::table_written() {
  if (host_cpu().on_table_written) host_cpu().on_table_written();
}

PhysAddr Arch::active_root(VirtAddr va) {
  return va.raw() >= layout::kKernelOffset ? host_cpu().kernel_root : host_cpu().user_root;
}

void Arch::flush_page(VirtAddr va) {
  host_cpu().flushed.push_back(va);
  if (host_cpu().on_flush) host_cpu().on_flush(va);
}
