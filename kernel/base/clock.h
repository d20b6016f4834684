// Time, counted in timer interrupts since the machine started.
#pragma once

#include <cstdint>

// How often the timer interrupts while nothing else is asked for.
inline constexpr unsigned kTickMicroseconds = 10'000;

std::uint64_t ticks();

// Called by the ISA's handler at each timer interrupt.
void timer_tick();
