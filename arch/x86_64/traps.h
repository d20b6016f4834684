// The exception and interrupt vectors that this kernel gives a meaning (Intel SDM vol. 3, table 6-1).
#pragma once

#include <cstdint>

struct TrapFrame;

inline constexpr unsigned kNmiVector = 2;
inline constexpr unsigned kBreakpointVector = 3;
inline constexpr unsigned kDoubleFaultVector = 8;
inline constexpr unsigned kGeneralProtectionVector = 13;
inline constexpr unsigned kPageFaultVector = 14;
inline constexpr unsigned kMachineCheckVector = 18;
inline constexpr unsigned kFirstInterruptVector = 32;  // below it are the exceptions
inline constexpr unsigned kTimerVector = 32;
inline constexpr unsigned kSystemCallVector = 0x80;
inline constexpr unsigned kSpuriousVector = 255;
inline constexpr unsigned kVectors = 256;

// Tells the local APIC that the interrupt has been handled (timer.cc).
void end_of_interrupt();

// From lab 3 on: everything that comes out of user mode (user_traps.cc).
void handle_user_trap(TrapFrame& frame);
