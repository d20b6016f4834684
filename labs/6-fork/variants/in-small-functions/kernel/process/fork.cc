// Lab 6. fork. You own this file.
#include "kernel/process/fork.h"

#include "kernel/base/todo.h"
#include "kernel/process/fork_trace.h"
#include "kernel/process/scheduler.h"
#include "kernel/space/clone.h"

Result<Process*> fork_current() {
  Process& parent = current();
  Process& child = *TRY(new_process(parent, parent.name_text()));
  KernelStack stack = TRY(KernelStack::allocate(slot_of(child)));
  Clone clone = TRY(clone_address_space(*parent.space));

  const VirtAddr top = stack.top();
  UserMode::copy_frame(top, parent.stack_top);
  UserMode::set_result(top, 0);
  UserMode::save_registers(child.registers);
  child.saved_stack_pointer = UserMode::prepare_stack(top);
  child.stack_top = top;
  child.stack.emplace(std::move(stack));
  child.space.emplace(std::move(clone.space));
  trace_fork(child, clone.pages);
  make_ready(child);
  return &child;
}
