#include "kernel/program/program.h"

#include "kernel/process/scheduler.h"
#include "kernel/program/load.h"

Result<Process*> start_program(Process& parent, std::string_view program, const ArgumentList& arguments) {
  LoadedProgram loaded = TRY(load_program(program, arguments));
  Process& process = *TRY(new_process(parent, program));
  KernelStack stack = TRY(KernelStack::allocate(slot_of(process)));

  UserMode::enter_at(stack.top(), loaded.entry, loaded.stack_pointer);
  process.saved_stack_pointer = UserMode::prepare_stack(stack.top());
  process.stack_top = stack.top();
  process.registers.thread_pointer = loaded.thread_pointer;
  process.stack.emplace(std::move(stack));
  process.space.emplace(std::move(loaded.space));
  make_ready(process);
  return &process;
}
