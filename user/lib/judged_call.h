// Two places in a program where the grader stops it: right before a system call that it is going to judge, and right
// after it. There it looks at the program's memory, may put other bytes into it, and finds the result in the register
// of the first argument. For everybody else the two do nothing.
#pragma once

#include <cstdint>

extern "C" void call_comes();
extern "C" void call_returned(std::int64_t result);
