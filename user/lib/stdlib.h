// Numbers from text, as the C standard has them (ISO C 7.22.1), but without errno: what is too large wraps around.
#pragma once

// The number that `text` begins with, after blanks and a sign; *end, unless `end` is null, becomes the first character
// after it, or `text` if there is no number. Base 0 goes by the prefix: 0x is 16, 0 is 8, else 10.
unsigned long strtoul(const char* text, char** end, int base);

// The decimal number that `text` begins with, or 0.
int atoi(const char* text);

// Writes `value` in hexadecimal, with 0x before it and a zero byte after it, as strtoul() with base 0 reads it.
inline constexpr unsigned kDigits = 19;  // the most that this takes
void to_text(unsigned long value, char* text);
