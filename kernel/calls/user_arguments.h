// What system calls are given and give back: numbers, and the memory of the current process that some of them name.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "kernel/base/addr.h"
#include "kernel/base/result.h"
#include "kernel/program/arguments.h"

using Arguments6 = std::array<std::uint64_t, 6>;

// What a system call returns: a value, or a negative error number.
using Value = std::int64_t;

// The error number, negated, that a program finds.
Value error_number(Error error);

// The value of a result, or its error number.
Value value_of(const Result<Value>& result);

// Copies from and to the memory of the current process. kBadAddress, kNoMemory, kNoSlot.
Result<void> get(std::span<std::byte> to, VirtAddr from);
Result<void> give(VirtAddr to, std::span<const std::byte> from);

// Fails with kBadAddress or kNoMemory if the process could not write a byte at `to`.
Result<void> expect_writable(VirtAddr to);

// The most characters of a program's name, with its 0.
inline constexpr std::size_t kLongestName = 128;

// A string of the user's, with its 0, into `buffer`. kTooLong if it does not fit; errors of get().
Result<std::string_view> get_string(std::span<char> buffer, VirtAddr from);

// The arguments that the user's array points to, up to the null pointer after the last. No array is an empty one.
// kTooLong; errors of get().
Result<ArgumentList> get_arguments(VirtAddr array);
