#include "kernel/process/keyboard.h"

#include "kernel/base/console.h"
#include "kernel/process/end.h"
#include "kernel/process/scheduler.h"

namespace {

bool is_meant(const Process& process, Break wanted) {
  if (process.pid == 0 || process.state == ProcessState::kFree || process.state == ProcessState::kZombie) return false;
  return wanted == Break::kAllPrograms || !process.ignores_interrupt;
}

}  // namespace

bool obey_keyboard() {
  console_poll();
  const Break wanted = take_break();
  if (wanted == Break::kNothing) return false;
  for (Process& process : processes()) {
    if (&process != &current() && is_meant(process, wanted)) end_other(process, killed_status(Signal::kInterrupt));
  }
  if (is_meant(current(), wanted)) end_current(killed_status(Signal::kInterrupt));
  return true;
}
