// The system call of lab 6.
#include "kernel/calls/system_calls.h"
#include "kernel/process/fork.h"

Value system_fork() {
  const auto child = fork_current();
  return child ? Value{(*child)->pid} : error_number(child.error());
}
