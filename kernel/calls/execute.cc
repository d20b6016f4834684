#include "kernel/calls/execute.h"

#include "kernel/calls/system_calls.h"
#include "kernel/process/scheduler.h"
#include "kernel/program/load.h"
#include "kernel/space/check_root.h"

Result<void> execute_program(std::string_view program, const ArgumentList& arguments) {
  LoadedProgram loaded = TRY(load_program(program, arguments));
  // The new space is complete: from here on nothing can fail. It is loaded before the old one goes.
  Process& process = current();
  check_root(loaded.space.root(), process.stack_top);
  loaded.space.load();
  process.space.emplace(std::move(loaded.space));
  process.set_name(program);
  process.registers = {.thread_pointer = loaded.thread_pointer};
  UserMode::load_registers(process.registers);
  UserMode::enter_at(process.stack_top, loaded.entry, loaded.stack_pointer);
  return {};
}

Value system_execve(const Arguments6& arguments) {
  const auto execute = [&]() -> Result<Value> {
    std::array<char, kLongestName> buffer;
    const std::string_view program = TRY(get_string(buffer, VirtAddr{arguments[0]}));
    TRY(execute_program(program, TRY(get_arguments(VirtAddr{arguments[1]}))));
    return 0;
  };
  return value_of(execute());
}
