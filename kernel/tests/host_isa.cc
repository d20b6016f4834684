#include "arch/arch.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include "kernel/base/check.h"
#include "kernel/base/layout.h"
#include "kernel/base/print.h"
#include "kernel/base/todo.h"
#include "kernel/tests/apart/protocol.h"
#include "kernel/tests/machine.h"

namespace {

// Maps a file at a place of RAM; aborts if that fails.
void map_at(std::uint64_t place, std::size_t size, int flags, int file) {
  void* const wanted = reinterpret_cast<void*>(place);
  if (mmap(wanted, size, PROT_READ | PROT_WRITE, flags, file, 0) != wanted) std::abort();
}

// The window, in a file that another process may share (apart/). After it comes a stretch that nobody may touch. The
// allocator's records are not shared: who has which frame is for this process alone to say.
const int g_ram_file = [] {
  const int file = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (file < 0 || ftruncate(file, layout::kWindowSize) != 0) std::abort();
  fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL);
  map_at(apart::kRamPlace, layout::kWindowSize, MAP_SHARED | MAP_FIXED_NOREPLACE, file);
  const std::uint64_t records = apart::kRamPlace + (kFirstFrame - layout::kRamBase);
  map_at(records, kFirstOwned - kFirstFrame, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1);
  return file;
}();

std::uint64_t address_of(const void* object) {
  return reinterpret_cast<std::uintptr_t>(object);
}

}  // namespace

// Chosen so that the kernel's linear_offset(), which is &own_address - own_address, leads from kRamBase to the RAM.
const std::uint64_t own_address = layout::kRamBase.raw() + (address_of(&own_address) - apart::kRamPlace);

// An image of 4 MiB without anything in it.
const ImageMap image_map{
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

int ram_file() {
  return g_ram_file;
}

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

void Arch::flush_all() {
  if (host_cpu().on_flush_all) host_cpu().on_flush_all();
}

void Arch::flush_page(VirtAddr va) {
  host_cpu().flushed.push_back(va);
  if (host_cpu().on_flush) host_cpu().on_flush(va);
}
