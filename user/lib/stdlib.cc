#include "user/lib/stdlib.h"

namespace {

// What the character stands for in a number; 36 or more if nothing.
int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'z') return c - 'a' + 10;
  if (c >= 'A' && c <= 'Z') return c - 'A' + 10;
  return 36;
}

bool begins_with_0x(const char* text) {
  return text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && digit_value(text[2]) < 16;
}

}  // namespace

unsigned long strtoul(const char* text, char** end, int base) {
  const char* next = text;
  while (*next == ' ' || (*next >= '\t' && *next <= '\r')) ++next;
  const bool is_negative = *next == '-';
  if (*next == '-' || *next == '+') ++next;
  const bool is_prefixed = (base == 0 || base == 16) && begins_with_0x(next);
  if (base == 0) base = is_prefixed ? 16 : *next == '0' ? 8 : 10;
  if (is_prefixed) next += 2;

  const char* const first_digit = next;
  unsigned long value = 0;
  for (; digit_value(*next) < base; ++next) value = value * base + digit_value(*next);
  if (end != nullptr) *end = const_cast<char*>(next == first_digit ? text : next);
  return is_negative ? -value : value;
}

int atoi(const char* text) {
  return static_cast<int>(strtoul(text, nullptr, 10));
}

void to_text(unsigned long value, char* text) {
  *text++ = '0';
  *text++ = 'x';
  unsigned digits = 1;
  while (digits < 16 && value >> (4 * digits) != 0) ++digits;
  while (digits > 0) *text++ = "0123456789abcdef"[value >> (4 * --digits) & 0xf];
  *text = 0;
}
