// Markers: instructions without effect that nothing else would use. ./pagewalk bench counts what runs between the two.
#pragma once

// A no-op with a displacement (Intel SDM vol. 2B, NOP), which holds the number that the counter looks for: 1.
inline void mark_begin() {
  asm volatile("nopl 0x4d4b0001(%%rax)" ::: "memory");
}

// The same with number 2.
inline void mark_end() {
  asm volatile("nopl 0x4d4b0002(%%rax)" ::: "memory");
}
