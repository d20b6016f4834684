// Lab 6. fork. You own this file.
#include "kernel/process/fork.h"

#include "kernel/base/todo.h"
#include "kernel/process/fork_trace.h"
#include "kernel/process/scheduler.h"
#include "kernel/space/clone.h"

Result<Process*> fork_current() {
  // @lab 6 begin: fork_current
  //: What can fail comes first: a slot, a kernel stack, a copy of the address space. Objects own the stack and the space
  //: until the process does, so an early return leaves nothing behind.
  //: The child's trap frame is a copy of the parent's, but for the result. The registers that traps leave alone are still
  //: in the CPU: UserMode::save_registers(). Tell trace_fork() before the child is made ready.
  Process& parent = current();
  Process& child = *TRY(new_process(parent, parent.name_text()));
  KernelStack stack = TRY(KernelStack::allocate(slot_of(child)));
  Clone clone = TRY(clone_address_space(*parent.space));

  UserMode::copy_frame(stack.top(), parent.stack_top);
  UserMode::set_result(stack.top(), 0);
  child.saved_stack_pointer = UserMode::prepare_stack(stack.top());
  UserMode::save_registers(child.registers);
  child.stack_top = stack.top();
  child.stack.emplace(std::move(stack));
  child.space.emplace(std::move(clone.space));
  trace_fork(child, clone.pages);
  make_ready(child);
  return &child;
  // @lab 6 end
}
