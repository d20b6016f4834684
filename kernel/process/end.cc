#include "kernel/process/end.h"

#include "kernel/base/check.h"
#include "kernel/process/scheduler.h"

namespace {

// Whatever its end, nobody needs its memory or its children any more. `process` does not run on its own root.
void end(Process& process, int status) {
  process.space.reset();
  process.status = status;
  process.state = ProcessState::kZombie;
  Process& heir = processes()[0];
  for (Process& other : processes()) {
    if (other.state == ProcessState::kFree || other.parent != &process) continue;
    other.parent = &heir;
    if (other.state == ProcessState::kZombie) wake_waiting(heir);
  }
  wake_waiting(*process.parent);
}

}  // namespace

void end_current(int status) {
  Process& process = current();
  CHECK(process.pid != 0);
  processes()[0].space->load();  // its own root is about to go
  end(process, status);
  schedule();
  __builtin_unreachable();  // nobody switches to a zombie
}

void end_other(Process& process, int status) {
  CHECK(&process != &current() && process.state != ProcessState::kZombie, process.pid);
  if (process.state == ProcessState::kReady) remove_ready(process);
  end(process, status);
}

int reap(Process& zombie) {
  CHECK(zombie.state == ProcessState::kZombie, zombie.pid);
  zombie.stack.reset();
  zombie.state = ProcessState::kFree;
  return zombie.status;
}
