// The contract between kernel/ and an ISA's user mode: what lab 3 adds to arch.h. Each ISA implements it in
// arch/<isa>/user_mode.{h,cc}, with the switch of stacks in switch.S and the way in in user_traps.cc.
#pragma once

#include <concepts>
#include <cstdint>

#include "arch/vital.h"
#include "kernel/base/addr.h"

template <typename U>
concept UserModeContract = requires(PhysAddr root, VirtAddr va, std::uint64_t size, typename U::Registers& registers) {
  // e_machine of an executable for this ISA.
  { U::kElfMachine } -> std::convertible_to<std::uint16_t>;
  // Whether one root serves both halves of the address space. Then each process's root holds the kernel's entries, too.
  { U::kOneRootForBothHalves } -> std::convertible_to<bool>;

  // Sets up once what user code may do: compute, use its memory, and trap. Nothing privileged, no floating point.
  { U::prepare() } -> std::same_as<void>;

  // Makes `root` the one that the hardware walks for user addresses. What the CPU remembers of the old one it may go
  // on using until forget_user_translations(); those of the kernel half stay.
  { U::load_root(root) } -> std::same_as<void>;
  { U::forget_user_translations() } -> std::same_as<void>;

  // The stack, by its upper end, on which the next trap out of user mode lands.
  { U::set_trap_stack(va) } -> std::same_as<void>;
  // Prepares a new kernel stack so that switch_stacks() to what this returns enters user mode at `pc` with stack
  // pointer `sp`, and zero in every other register.
  { U::prepare_stack(va, va, va) } -> std::same_as<void*>;  // (upper end of the stack, pc, sp)

  // Instructions were just written to `size` bytes from `va`, under whatever name: makes instruction fetches see them.
  { U::code_written(va, size) } -> std::same_as<void>;

  // User registers that the kernel does not use, and that a trap therefore leaves alone: saved into the first, loaded
  // from the second.
  { U::switch_registers(registers, registers) } -> std::same_as<void>;

  // What must be reachable at all times, in the order in which a lack of it would hurt: the trap vectors and their
  // tables, the code, the stack in use.
  { *U::vitals().begin() } -> std::convertible_to<Vital>;

  // An instruction that does nothing, for those who count instructions from outside: "place `id` is reached".
  { U::template mark<1>() } -> std::same_as<void>;
};

// Leaves this stack, keeping its pointer in *saved, and goes on with another, where it was left (switch.S).
extern "C" void switch_stacks(void** saved, void* next);

#if defined(PAGEWALK_ISA_x86_64)
#include "arch/x86_64/user_mode.h"
#elif defined(PAGEWALK_ISA_aarch64)
#include "arch/aarch64/user_mode.h"
#endif

static_assert(UserModeContract<UserMode>);
