// For programs that check themselves: what is not as it should be is printed, and counted.
#pragma once

#include <cstdint>

// Prints `what` with both numbers, and counts it, unless they are equal. Returns whether they are.
bool expect_equal(const char* what, std::int64_t seen, std::int64_t expected);

// The same where there is only right and wrong.
bool expect(const char* what, bool is_right);

// How many expectations this process, or one that it was forked from, has seen disappointed.
int wrong_count();

// Says that all is well if it is. Returns what main should: 0, or 1.
int verdict(const char* program);
