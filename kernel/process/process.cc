#include "kernel/process/process.h"

#include <algorithm>
#include <new>

#include "kernel/base/check.h"
#include "kernel/base/layout.h"
#include "kernel/process/scheduler.h"

namespace {

constexpr unsigned kFirstPid = 2;

// Bytes, and not processes: a global object with a destructor would have to be destroyed by somebody.
alignas(Process) constinit std::byte g_slots[layout::kMaxProcesses * sizeof(Process)]{};
constinit unsigned g_last_pid = kFirstPid - 1;

unsigned next_pid() {
  do {
    g_last_pid = g_last_pid < kLargestPid ? g_last_pid + 1 : kFirstPid;
  } while (find_process(g_last_pid) != nullptr);
  return g_last_pid;
}

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

std::span<Process> processes() {
  return {std::launder(reinterpret_cast<Process*>(g_slots)), layout::kMaxProcesses};
}

unsigned slot_of(const Process& process) {
  return static_cast<unsigned>(&process - processes().data());
}

void Process::set_name(std::string_view text) {
  name = {};
  std::ranges::copy(text.substr(0, name.size() - 1), name.begin());
}

void start_process_zero() {
  for (unsigned slot = 0; slot < layout::kMaxProcesses; ++slot) new (g_slots + slot * sizeof(Process)) Process;
  Process& zero = processes()[0];
  zero.state = ProcessState::kRunning;
  zero.parent = &zero;
  zero.space.emplace(AddressSpace::of_kernel());
  zero.stack_top = to_virtual(image_map.boot_stack_end);
  zero.set_name("kernel");
  set_current(zero);
}

Result<Process*> new_process(Process& parent, std::string_view name) {
  const auto slots = processes();
  const auto free = std::ranges::find(slots, ProcessState::kFree, &Process::state);
  if (free == slots.end()) return std::unexpected(Error::kNoProcess);
  Process& process = *free;
  process.pid = next_pid();
  process.parent = &parent;
  process.registers = {};
  process.ignores_interrupt = false;
  process.set_name(name);
  return &process;
}

Process* find_process(unsigned pid) {
  for (Process& process : processes()) {
    if (process.state != ProcessState::kFree && process.pid == pid) return &process;
  }
  return nullptr;
}

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
