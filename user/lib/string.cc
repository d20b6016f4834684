#include "user/lib/string.h"

// The compiler must not turn these loops into calls of themselves.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

namespace {

// Characters compare as unsigned (ISO C 7.24.4).
int difference(char a, char b) {
  return static_cast<unsigned char>(a) - static_cast<unsigned char>(b);
}

}  // namespace

void* memcpy(void* to, const void* from, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
  return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
  if (to <= from) return memcpy(to, from, size);  // which begins at the front
  for (std::size_t i = size; i > 0; --i) static_cast<char*>(to)[i - 1] = static_cast<const char*>(from)[i - 1];
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) static_cast<char*>(to)[i] = static_cast<char>(value);
  return to;
}

int memcmp(const void* a, const void* b, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    const int found = difference(static_cast<const char*>(a)[i], static_cast<const char*>(b)[i]);
    if (found != 0) return found;
  }
  return 0;
}

std::size_t strlen(const char* text) {
  std::size_t length = 0;
  while (text[length] != 0) ++length;
  return length;
}

int strcmp(const char* a, const char* b) {
  for (; *a != 0 && *a == *b; ++a) ++b;
  return difference(*a, *b);
}

int strncmp(const char* a, const char* b, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    if (a[i] != b[i] || a[i] == 0) return difference(a[i], b[i]);
  }
  return 0;
}

char* strcpy(char* to, const char* from) {
  memcpy(to, from, strlen(from) + 1);
  return to;
}

char* strchr(const char* text, int wanted) {
  for (;; ++text) {
    if (*text == static_cast<char>(wanted)) return const_cast<char*>(text);
    if (*text == 0) return nullptr;
  }
}
