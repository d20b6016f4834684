#include "kernel/process/scheduler.h"

#include "arch/arch.h"
#include "kernel/base/check.h"
#include "kernel/base/clock.h"
#include "kernel/space/check_root.h"

namespace {

// What each CPU has of its own. There is one; a second would be found by its number, here.
struct Cpu {
  Process* current = nullptr;
  Process* first_ready = nullptr;  // the queue of those that want this CPU
  Process* last_ready = nullptr;
};
constinit Cpu g_cpu;
Cpu& this_cpu() {
  return g_cpu;
}

Process* take_ready() {
  Process* process = this_cpu().first_ready;
  if (process != nullptr) this_cpu().first_ready = process->next_ready;
  return process;
}

// Everything that belongs to a process and not to the kernel is exchanged here. Returns when `next` leaves the CPU to
// the one that was running.
void switch_to(Process& next) {
  Process& previous = current();
  next.state = ProcessState::kRunning;
  if (&next == &previous) return;
  check_root(next.space->root(), next.stack_top);
  this_cpu().current = &next;
  next.space->load();
  UserMode::set_trap_stack(next.stack_top);
  UserMode::save_registers(previous.registers);
  UserMode::load_registers(next.registers);
  switch_stacks(&previous.saved_stack_pointer, next.saved_stack_pointer);
}

}  // namespace

Process& current() {
  return *this_cpu().current;
}

void set_current(Process& process) {
  this_cpu().current = &process;
}

void make_ready(Process& process) {
  process.state = ProcessState::kReady;
  process.next_ready = nullptr;
  Cpu& cpu = this_cpu();
  (cpu.first_ready == nullptr ? cpu.first_ready : cpu.last_ready->next_ready) = &process;
  cpu.last_ready = &process;
}

void remove_ready(Process& process) {
  Process* previous = nullptr;
  Process** link = &this_cpu().first_ready;
  while (*link != &process) {
    CHECK(*link != nullptr, process.pid);
    previous = *link;
    link = &previous->next_ready;
  }
  *link = process.next_ready;
  if (this_cpu().last_ready == &process) this_cpu().last_ready = previous;
}

void yield() {
  if (this_cpu().first_ready == nullptr) return;
  make_ready(current());
  schedule();
}

void sleep_until(std::uint64_t tick) {
  current().wake_at = tick;
  current().state = ProcessState::kSleeping;
  schedule();
}

void wait_for_child() {
  current().state = ProcessState::kWaiting;
  schedule();
}

void wake_waiting(Process& process) {
  if (process.state == ProcessState::kWaiting) make_ready(process);
}

void wake_sleepers() {
  for (Process& process : processes()) {
    if (process.state == ProcessState::kSleeping && process.wake_at <= ticks()) make_ready(process);
  }
}

void schedule() {
  Process* next = take_ready();
  if (next == nullptr && current().pid == 0) {
    Arch::wait_for_interrupt();
    wake_sleepers();
    next = take_ready();
  }
  switch_to(next != nullptr ? *next : processes()[0]);
}
