// What the trap code of this ISA shares.
#pragma once

#include <cstdint>

struct TrapFrame;

inline constexpr unsigned kTimerInterrupt = 27;  // the virtual timer's, private to the CPU (Arm BSA 3.8.1)

// The interrupt's number in what acknowledge_interrupt() returns (GICC_IAR, Arm IHI 0048, 4.4.4). From the first
// special number on there is none.
inline constexpr std::uint32_t kInterruptNumber = 0x3ff;
inline constexpr std::uint32_t kFirstSpecialInterrupt = 1020;

// The interrupt controller and the timer (timer.cc).
std::uint32_t acknowledge_interrupt();
void end_of_interrupt(std::uint32_t acknowledged);
void rearm_timer();

// Takes the interrupt that is pending, whichever mode it came in, and says whether there was one (traps.cc).
bool handle_interrupt(const TrapFrame& frame);

// From lab 3 on: everything that comes out of user mode (user_traps.cc).
void handle_user_trap(TrapFrame& frame);
