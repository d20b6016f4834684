#include "kernel/tests/mmu.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "arch/user_mode.h"
#include "kernel/frames/frame.h"
#include "kernel/tests/host_isa.h"

namespace {

const Hardware& kHardware = hardware_of(Format::kX86_64);
constexpr std::size_t kRam = kLastFrameEnd - layout::kRamBase;

void* must(void* mapped) {
  if (mapped == MAP_FAILED) std::perror("mmap"), std::abort();
  return mapped;
}

char* slot_address(unsigned slot) {
  return reinterpret_cast<char*>((layout::kTempWindow + slot * kPageSize).raw());
}

// All RAM as a file, so that one frame can be seen at several addresses. The first call also finds room for the slots.
int ram() {
  static const int file = [] {
    const int made = memfd_create("ram", 0);
    if (made < 0 || ftruncate(made, kRam) != 0) std::perror("memfd_create"), std::abort();
    must(mmap(pointer_to(layout::kRamBase), layout::kWindowSize, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, made,
              0));
    must(mmap(slot_address(0), layout::kTempSlots * kPageSize, PROT_NONE,
              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0));
    return made;
  }();
  return file;
}

bool is_window(VirtAddr va) {
  return va >= layout::kTempWindow && va < layout::kTempWindow + layout::kTempSlots * kPageSize;
}

bool is_in_use(PhysAddr frame) {
  try {
    return owners_of(frame) > 0;
  } catch (const CheckFailed&) {
    return false;  // never handed out
  }
}

PhysAddr frame_of(std::uint64_t entry) {
  return PhysAddr{kHardware.read(0, entry).address};
}

}  // namespace

Mmu& mmu() {
  static Mmu the_one;
  return the_one;
}

std::span<char, kPageSize> bytes_of(PhysAddr frame) {
  static char* const all = static_cast<char*>(must(mmap(nullptr, kRam, PROT_READ | PROT_WRITE, MAP_SHARED, ram(), 0)));
  return std::span<char, kPageSize>{all + (frame - layout::kRamBase), kPageSize};
}

void Mmu::switch_on() {
  ram();
  ::switch_on();
  for (PhysAddr frame = layout::kWindowEnd; frame < kLastFrameEnd; frame = frame + kPageSize) {
    std::memset(bytes_of(frame).data(), 0xa5, kPageSize);
  }
  *this = {};
  for (unsigned slot = 0; slot < layout::kTempSlots; ++slot) close(slot);
  kernel_root_ = user_root_ = OwnedFrame::allocate_zeroed().value().release().start();
  host_cpu().kernel_root = host_cpu().user_root = kernel_root_;
  prepare_kernel_half();
  host_cpu().on_table_written = [this] { table_written(); };
  host_cpu().on_flush = [this](VirtAddr va) { flush(va); };
  host_cpu().on_flush_all = [this] { flush_all(); };
}

void Mmu::load_user_root(PhysAddr root) {
  if (!is_in_use(root)) complain("a root is loaded that is in no frame in use", VirtAddr{root.raw()});
  user_root_ = host_cpu().user_root = root;
  look_at_user_pages();
}

void Mmu::forget_user_pages() {
  user_pages_.clear();
  look_at_user_pages();
}

void Mmu::flush(VirtAddr va) {
  if (is_window(va)) {
    const auto slot = static_cast<unsigned>((va - layout::kTempWindow) / kPageSize);
    if (windows_[slot]) expect_in_use(windows_[slot]->frame, va);
    close(slot);
  } else if (const auto found = user_pages_.find(Page::containing(va).start()); found != user_pages_.end()) {
    expect_in_use(frame_of(found->second), va);
    user_pages_.erase(found);
  }
  table_written();  // what is still in a table may be remembered at once
}

void Mmu::flush_all() {
  for (unsigned slot = 0; slot < layout::kTempSlots; ++slot) {
    if (!windows_[slot]) continue;
    expect_in_use(windows_[slot]->frame, layout::kTempWindow + slot * kPageSize);
    close(slot);
  }
  for (const auto& [va, entry] : user_pages_) expect_in_use(frame_of(entry), va);
  user_pages_.clear();
  table_written();
}

void Mmu::table_written() {
  look_at_windows();
  look_at_user_pages();
}

void Mmu::code_written(VirtAddr va, std::uint64_t size) {
  const auto& window = is_window(va) ? windows_[(va - layout::kTempWindow) / kPageSize] : std::nullopt;
  if (!window) return complain("code was written where no window is", va);
  const auto old = code_.try_emplace(window->frame, kPageSize, '?').first;
  const std::size_t offset = va.raw() % kPageSize;
  std::memcpy(old->second.data() + offset, bytes_of(window->frame).data() + offset, within_page(va, size));
}

std::optional<Translation> Mmu::user_page(VirtAddr va) const {
  const auto found = user_pages_.find(Page::containing(va).start());
  if (found == user_pages_.end()) return std::nullopt;
  const HardwareEntry entry = kHardware.read(0, found->second);
  if (!entry.user) return std::nullopt;
  return Translation{PhysAddr{entry.address + va.raw() % kPageSize},
                     kPageSize,
                     {.write = entry.write, .execute = entry.user_execute, .user = true, .global = entry.global}};
}

std::string Mmu::fetched(VirtAddr va, std::size_t size) const {
  const auto page = user_page(va);
  if (!page || !page->flags.execute) return {};
  const auto found = code_.find(page->address);
  return found == code_.end() ? std::string(size, '?') : found->second.substr(0, size);
}

unsigned Mmu::open_windows() const {
  return static_cast<unsigned>(std::ranges::count_if(windows_, [](const auto& each) { return each.has_value(); }));
}

std::vector<std::string> Mmu::complaints() const {
  Mmu now = *this;
  const auto in_tables = now.user_pages_of_tables();
  for (const auto& [va, entry] : user_pages_) {
    const auto found = in_tables.find(va);
    if (found == in_tables.end() || found->second != entry) now.complain("the CPU was not told to forget", va);
  }
  for (unsigned slot = 0; slot < layout::kTempSlots; ++slot) {
    if (windows_[slot] == window_of_tables(slot)) continue;
    now.complain("the CPU was not told to forget a window", layout::kTempWindow + slot * kPageSize);
  }
  return now.complaints_;
}

// The kernel's own root has no user pages.
auto Mmu::user_pages_of_tables() -> UserPages {
  UserPages pages;
  if (user_root_ != kernel_root_) add_pages_below(user_root_, kHardware.levels - 1, VirtAddr{0}, pages);
  return pages;
}

// Of the root the lower half, which is the user's.
void Mmu::add_pages_below(PhysAddr table, unsigned level, VirtAddr va, UserPages& pages) {
  if (!is_in_use(table))
    return complain("a table of the loaded root is in a frame that is free", VirtAddr{table.raw()});
  const unsigned entries = kHardware.entries_per_table() / (level == kHardware.levels - 1 ? 2 : 1);
  for (unsigned index = 0; index < entries; ++index, va = va + kHardware.level_size(level)) {
    const Entry raw = static_cast<const Entry*>(pointer_to(table))[index];
    if (raw == 0) continue;
    const HardwareEntry entry = kHardware.read(level, raw);
    if (entry.kind == HardwareEntry::kTable) add_pages_below(PhysAddr{entry.address}, level - 1, va, pages);
    if (entry.kind == HardwareEntry::kLeaf && level == 0) pages.emplace(va, raw);
    if (entry.kind == HardwareEntry::kBroken || (entry.kind == HardwareEntry::kLeaf && level > 0)) {
      complain("the loaded root has an entry that no user page has", va);
    }
  }
}

auto Mmu::window_of_tables(unsigned slot) const -> std::optional<Window> {
  const auto found = translate(kHardware, kernel_root_, layout::kTempWindow + slot * kPageSize);
  if (!found) return std::nullopt;
  return Window{found->address, found->flags.write};
}

void Mmu::open(unsigned slot, const Window& window) {
  const int access = PROT_READ | (window.write ? PROT_WRITE : 0);
  const auto offset = static_cast<off_t>(window.frame - layout::kRamBase);
  must(mmap(slot_address(slot), kPageSize, access, MAP_SHARED | MAP_FIXED, ram(), offset));
  windows_[slot] = window;
}

void Mmu::close(unsigned slot) {
  must(mmap(slot_address(slot), kPageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
  windows_[slot].reset();
}

void Mmu::look_at_windows() {
  for (unsigned slot = 0; slot < layout::kTempSlots; ++slot) {
    const auto window = window_of_tables(slot);
    if (!window || windows_[slot] == window) continue;
    const VirtAddr va = layout::kTempWindow + slot * kPageSize;
    expect_in_use(window->frame, va);
    if (windows_[slot]) {
      complain("a slot is used again, and the CPU was not told to forget what was there", va);
    } else {
      open(slot, *window);
    }
  }
}

void Mmu::look_at_user_pages() {
  for (const auto& [va, entry] : user_pages_of_tables()) user_pages_.try_emplace(va, entry);
  for (const auto& [va, entry] : user_pages_) expect_in_use(frame_of(entry), va);
}

void Mmu::expect_in_use(PhysAddr frame, VirtAddr va) {
  if (!is_in_use(frame)) complain("the CPU can still reach a frame that is free", va);
}

void Mmu::complain(const std::string& what, VirtAddr va) {
  char address[32];
  std::snprintf(address, sizeof address, ": 0x%lx", static_cast<unsigned long>(va.raw()));
  if (std::ranges::find(complaints_, what + address) == complaints_.end()) complaints_.push_back(what + address);
}

void UserMode::load_root(PhysAddr root) {
  mmu().load_user_root(root);
}

void UserMode::forget_user_translations() {
  mmu().forget_user_pages();
}

void UserMode::code_written(VirtAddr va, std::uint64_t size) {
  mmu().code_written(va, size);
}
