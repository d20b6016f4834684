// What the system calls that describe things give to a program: for the kernel and for user programs.
//
// describe_...(number, to) describes the thing of that number, counted from 0, and returns 1; or 0 if there are no
// more.
#pragma once

#include <cstdint>

struct ProgramDescription {
  char name[112]{};
  std::uint64_t size;  // of its file, in bytes
};

struct ProcessDescription {
  std::uint64_t pid, parent;
  char state[16]{};
  char name[16]{};
};

// An area of the process that asks.
struct AreaDescription {
  std::uint64_t start, end;
  std::uint64_t present;  // pages that are there
  std::uint8_t read, write, execute;
  char kind[13]{};
};
