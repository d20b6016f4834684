// CHECK states what must hold if the kernel has no bug. It stays on in every build.
#pragma once

#include <cstdint>

// Prints the condition, the place and up to two values, then stops the machine. `name` is for who reads the facts.
[[noreturn]] void check_failed(const char* name, const char* condition, const char* file, int line,
                               std::uint64_t first = 0, std::uint64_t second = 0);

// CHECK(condition), or CHECK(condition, value, value) to have the values printed.
#define CHECK(condition, ...) CHECK_NAMED("-", condition __VA_OPT__(, ) __VA_ARGS__)

// The same with a name that stays when the condition is written in another way.
#define CHECK_NAMED(name, condition, ...) \
  ((condition) ? (void)0 : check_failed(name, #condition, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__))
