// Processes: what the kernel knows of each, from its start to the moment when its parent has taken note of its end.
//
//   start_program() --> ready <--> running --> zombie --> free, once the parent has taken note
//                         ^           |
//                         +- sleeping, or waiting for a child
//
// Process 0 is the kernel's own: it runs the monitor on the boot stack, parent of what is started there and of orphans.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "arch/user_mode.h"
#include "kernel/base/result.h"
#include "kernel/map/kernel_stack.h"
#include "kernel/space/address_space.h"

// The highest process number. After it numbers begin again at 2, without those still in use.
inline constexpr unsigned kLargestPid = 999;

enum class ProcessState : std::uint8_t {
  kFree,      // a slot without a process
  kReady,     // in the queue of those that want the CPU
  kRunning,   // has it
  kSleeping,  // until wake_at
  kWaiting,   // for a child to end
  kZombie,    // has ended; its status waits for its parent
};

// A stable name for facts: "ready".
constexpr std::string_view name(ProcessState state) {
  switch (state) {
    case ProcessState::kFree: return "free";
    case ProcessState::kReady: return "ready";
    case ProcessState::kRunning: return "running";
    case ProcessState::kSleeping: return "sleeping";
    case ProcessState::kWaiting: return "waiting";
    case ProcessState::kZombie: return "zombie";
  }
  return "unknown";
}

struct Process {
  unsigned pid = 0;
  ProcessState state = ProcessState::kFree;
  Process* parent = nullptr;
  Process* next_ready = nullptr;
  std::optional<AddressSpace> space;  // a zombie has none any more
  std::optional<KernelStack> stack;   // process 0 has none: it runs on the boot stack
  VirtAddr stack_top;
  void* saved_stack_pointer = nullptr;  // while it does not run
  UserMode::Registers registers;        // while it does not run
  std::uint64_t wake_at = 0;            // in ticks
  bool ignores_interrupt = false;       // whether Ctrl-C leaves it alone
  int status = 0;                       // how it ended, as wait4 reports it
  std::array<char, 16> name{};

  std::string_view name_text() const { return name.data(); }
  // Keeps as much of it as fits.
  void set_name(std::string_view text);
};

// All slots that were ever used, free ones too. Slot 0 is process 0.
std::span<Process> processes();

// Which of them it is.
unsigned slot_of(const Process& process);

// Makes the caller process 0, and returns it. Call it once.
Process& start_process_zero();

// A free slot with a new number, for a child of `parent`; it counts as taken as soon as its state is set. kNoProcess.
Result<Process*> new_process(Process& parent, std::string_view name);

// The process `pid`, a zombie perhaps; nothing if there is none.
Process* find_process(unsigned pid);
