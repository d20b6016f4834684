// What an ISA's trap code calls for a trap out of user mode. Interrupts are off; the process that trapped is current().
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "kernel/base/trap.h"
#include "kernel/process/signal.h"

// Carries out system call `number` and returns what the user finds as its result: a negative error number on failure.
std::uint64_t handle_system_call(std::uint64_t number, const std::array<std::uint64_t, 6>& arguments);

// The timer has interrupted the process: others have their turn.
void handle_user_tick();

// A memory access of the process that the MMU refused: kills it.
void handle_user_fault(const Fault& fault);

// Any other exception that the process raised: kills it. `code` is what the hardware says about it.
void handle_user_exception(std::string_view what, Signal signal, std::uint64_t code, VirtAddr pc);
