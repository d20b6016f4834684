// Lab 6. fork. You own this file.
#include "kernel/process/fork.h"

#include "kernel/process/fork_trace.h"
#include "kernel/process/scheduler.h"
#include "kernel/space/clone.h"

Result<Process*> fork_current() {
  Process& parent = current();
  // The dearest first: a fork that fails for lack of memory uses up no number.
  Clone clone = TRY(clone_address_space(*parent.space));
  Process& child = *TRY(new_process(parent, parent.name_text()));
  KernelStack stack = TRY(KernelStack::allocate(slot_of(child)));

  const VirtAddr top = stack.top();
  UserMode::copy_frame(top, parent.stack_top);
  UserMode::set_result(top, 0);
  child.saved_stack_pointer = UserMode::prepare_stack(top);
  child.stack_top = top;
  UserMode::save_registers(child.registers);
  child.space.emplace(std::move(clone.space));
  child.stack.emplace(std::move(stack));
  trace_fork(child, clone.pages);
  make_ready(child);
  return &child;
}
