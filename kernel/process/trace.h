// Facts about what happens too often to be told every time.
#pragma once

// Prints @tick for the next `count` timer interrupts that user programs meet.
void trace_ticks(unsigned count);

// A user program has met a timer interrupt.
void trace_tick();
