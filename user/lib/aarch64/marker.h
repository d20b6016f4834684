// Markers: instructions without effect that nothing else would use. ./pagewalk bench counts what runs between the two.
#pragma once

// A move into the register that is always zero (Arm ARM C6.2, MOVZ) of the number that the counter looks for: 1.
inline void mark_begin() {
  asm volatile("movz xzr, #1" ::: "memory");
}

// The same with number 2.
inline void mark_end() {
  asm volatile("movz xzr, #2" ::: "memory");
}
