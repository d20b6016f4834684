#include "kernel/process/process.h"

#include <algorithm>
#include <new>

#include "kernel/base/layout.h"

namespace {

constexpr unsigned kFirstPid = 2;

// Bytes, and not processes: a global object with a destructor would have to be destroyed by somebody.
alignas(Process) constinit std::byte g_slots[layout::kMaxProcesses * sizeof(Process)]{};
constinit unsigned g_slots_used = 0;  // slots from here on never held a process, and nobody looks at them
constinit unsigned g_last_pid = kFirstPid - 1;

unsigned next_pid() {
  do {
    g_last_pid = g_last_pid < kLargestPid ? g_last_pid + 1 : kFirstPid;
  } while (find_process(g_last_pid) != nullptr);
  return g_last_pid;
}

// A slot without a process; null if there is none. Only if no other is free it is one that was never used.
Process* free_slot() {
  for (Process& process : processes()) {
    if (process.state == ProcessState::kFree) return &process;
  }
  if (g_slots_used == layout::kMaxProcesses) return nullptr;
  return new (g_slots + g_slots_used++ * sizeof(Process)) Process;
}

}  // namespace

std::span<Process> processes() {
  return {std::launder(reinterpret_cast<Process*>(g_slots)), g_slots_used};
}

unsigned slot_of(const Process& process) {
  return static_cast<unsigned>(&process - processes().data());
}

void Process::set_name(std::string_view text) {
  name = {};
  std::ranges::copy(text.substr(0, name.size() - 1), name.begin());
}

Process& start_process_zero() {
  Process& zero = *free_slot();
  zero.state = ProcessState::kRunning;
  zero.parent = &zero;
  zero.space.emplace(AddressSpace::of_kernel());
  zero.stack_top = to_virtual(image_map.boot_stack_end);
  zero.set_name("kernel");
  return zero;
}

Result<Process*> new_process(Process& parent, std::string_view name) {
  Process* const slot = free_slot();
  if (slot == nullptr) return std::unexpected(Error::kNoProcess);
  Process& process = *slot;
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
