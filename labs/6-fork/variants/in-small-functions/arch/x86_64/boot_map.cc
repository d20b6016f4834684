// Lab 1. The identity map: translation goes on, and nothing moves. You own this file.
#include "arch/arch.h"
#include "arch/boot.h"
#include "kernel/base/check.h"
#include "kernel/base/todo.h"
#include "kernel/frames/frame.h"

namespace {

// A root that maps the kernel where it is. It belongs to the CPU.
PhysAddr kernel_root() {
  auto frame = OwnedFrame::allocate_zeroed();
  CHECK(frame.has_value());
  const PhysAddr root = frame->release().start();
  KernelTable table(root);
  CHECK(map_kernel(table, 0).has_value());
  return root;
}

}  // namespace

void turn_on_paging() {
  const PhysAddr root = kernel_root();
  cpu::write_msr(cpu::kEfer, cpu::read_msr(cpu::kEfer) | cpu::kEferNoExecute);
  cpu::write_cr0(cpu::read_cr0() | cpu::kCr0WriteProtect);
  if (cpu::has_global_pages()) cpu::write_cr4(cpu::read_cr4() | cpu::kCr4GlobalPages);
  cpu::write_cr3(root.raw());
}
