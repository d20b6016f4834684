// CHECK states what must hold if the kernel has no bug. It stays on in every build.
#pragma once

#include <cstdint>

#include "kernel/base/result.h"

// Prints the condition, the place and up to two values, then stops the machine. `name` is for who reads the facts.
[[noreturn]] void check_failed(const char* name, const char* condition, const char* file, int line,
                               std::uint64_t first = 0, std::uint64_t second = 0);

// CHECK(condition), or CHECK(condition, value, value) to have the values printed.
#define CHECK(condition, ...) CHECK_NAMED("-", condition __VA_OPT__(, ) __VA_ARGS__)

// The same with a name that stays when the condition is written in another way.
#define CHECK_NAMED(name, condition, ...) \
  ((condition) ? (void)0 : check_failed(name, #condition, __FILE__, __LINE__ __VA_OPT__(, ) __VA_ARGS__))

// CHECK_OK(result): the same of a Result, which must be a value. If it is not, the name printed is that of its Error.
#define CHECK_OK(result) check_ok(result, #result, __FILE__, __LINE__)

template <typename T>
void check_ok(const Result<T>& result, const char* expression, const char* file, int line) {
  if (!result) check_failed(name(result.error()).data(), expression, file, line);  // a literal: it ends with a 0
}
