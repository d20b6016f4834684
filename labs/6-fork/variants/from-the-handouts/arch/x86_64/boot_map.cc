// Lab 1. The identity map: translation goes on, and nothing moves. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/frames/frame.h"

namespace {

PhysAddr make_root() {
  auto frame = OwnedFrame::allocate_zeroed();
  CHECK(frame.has_value());
  KernelTable table{frame->address()};
  CHECK(map_kernel(table, 0).has_value());
  return frame->release().start();
}

}  // namespace

void turn_on_paging() {
  const PhysAddr root = make_root();
  cpu::write_msr(cpu::kEfer, cpu::read_msr(cpu::kEfer) | cpu::kEferNoExecute);
  cpu::write_cr3(root.raw());
  cpu::write_cr0(cpu::read_cr0() | cpu::kCr0WriteProtect);
  // Last: it makes the CPU forget all translations, those too that it remembers as not global.
  if (cpu::has_global_pages()) cpu::write_cr4(cpu::read_cr4() | cpu::kCr4GlobalPages);
}
