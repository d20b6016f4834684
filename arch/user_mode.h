// The contract between kernel/ and an ISA's user mode: what lab 3 adds to arch.h. Each ISA implements it in
// arch/<isa>/user_mode.{h,cc}, with the switch of stacks in switch.S and the way in in user_traps.cc.
#pragma once

#include <concepts>
#include <cstdint>

#include "arch/thread_layout.h"
#include "arch/vital.h"
#include "kernel/base/addr.h"

template <typename U>
concept UserModeContract = requires(PhysAddr root, VirtAddr va, std::uint64_t size, typename U::Registers& registers) {
  // e_machine of an executable for this ISA.
  { U::kElfMachine } -> std::convertible_to<std::uint16_t>;
  // Whether one root serves both halves of the address space. Then each process's root holds the kernel's entries as
  // well.
  { U::kOneRootForBothHalves } -> std::convertible_to<bool>;

  // Sets up once what user code may do: compute, use its memory, and trap. Nothing privileged, no floating point.
  { U::prepare() } -> std::same_as<void>;

  // Makes `root` the one that the hardware walks for user addresses. What the CPU remembers of the old one it may go
  // on using until forget_user_translations(); those of the kernel half stay.
  { U::load_root(root) } -> std::same_as<void>;
  { U::forget_user_translations() } -> std::same_as<void>;

  // The stack, by its upper end, on which the next trap out of user mode lands.
  { U::set_trap_stack(va) } -> std::same_as<void>;

  // The trap frame of a process lies at the upper end of its kernel stack, `top`: what its user registers are going to
  // be when it returns to user mode. This one enters a program: at `pc` with stack pointer `sp`, all others zero.
  { U::enter_at(va, va, va) } -> std::same_as<void>;  // (top, pc, sp)
  // All user registers as in the trap frame of another process, which is in a system call.
  { U::copy_frame(va, va) } -> std::same_as<void>;  // (top, top of the other)
  // What the system call that the process is in is going to return.
  { U::set_result(va, size) } -> std::same_as<void>;  // (top, value)
  // Prepares a new kernel stack so that switch_stacks() to what this returns goes to user mode with its trap frame.
  { U::prepare_stack(va) } -> std::same_as<void*>;  // (top)

  // Instructions were just written to `size` bytes from `va`, under whatever name: makes instruction fetches see them.
  { U::code_written(va, size) } -> std::same_as<void>;

  // User registers that the kernel does not use, and that a trap therefore leaves alone. One of them is
  // registers.thread_pointer, by which user code finds its thread-local variables.
  { U::save_registers(registers) } -> std::same_as<void>;
  { U::load_registers(registers) } -> std::same_as<void>;
  { registers.thread_pointer } -> std::convertible_to<std::uint64_t>;
  // Where the thread-local variables lie, whose size and alignment are given, in the block around the thread pointer.
  { U::thread_layout(size, size) } -> std::same_as<ThreadLayout>;

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
#else
#include "kernel/tests/host_user_mode.h"
#endif

static_assert(UserModeContract<UserMode>);
