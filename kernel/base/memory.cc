// The functions that the compiler calls by itself, and those that std::string_view is made of.
// The first move eight bytes at a time where alignment allows: pages are copied and cleared by them.
#include <cstddef>
#include <cstdint>

namespace {

// A word that may lie over objects of any type.
using Word [[gnu::may_alias]] = std::uint64_t;

bool are_words(const void* a, const void* b, std::size_t size) {
  const auto bits = reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b) | size;
  return bits % sizeof(Word) == 0;
}

}  // namespace

extern "C" {

// The compiler must not turn these loops into calls of themselves.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

void* memcpy(void* to, const void* from, std::size_t size) {
  if (are_words(to, from, size)) {
    for (std::size_t i = 0; i < size / sizeof(Word); ++i) static_cast<Word*>(to)[i] = static_cast<const Word*>(from)[i];
  } else {
    for (std::size_t i = 0; i < size; ++i) static_cast<char*>(to)[i] = static_cast<const char*>(from)[i];
  }
  return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
  if (to <= from) return memcpy(to, from, size);
  for (std::size_t i = size; i > 0; --i) static_cast<char*>(to)[i - 1] = static_cast<const char*>(from)[i - 1];
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  const std::uint64_t byte = static_cast<unsigned char>(value);
  if (are_words(to, to, size)) {
    const Word word = byte * 0x0101'0101'0101'0101;
    for (std::size_t i = 0; i < size / sizeof(Word); ++i) static_cast<Word*>(to)[i] = word;
  } else {
    for (std::size_t i = 0; i < size; ++i) static_cast<unsigned char*>(to)[i] = static_cast<unsigned char>(byte);
  }
  return to;
}

int memcmp(const void* a, const void* b, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i) {
    const int difference = static_cast<const unsigned char*>(a)[i] - static_cast<const unsigned char*>(b)[i];
    if (difference != 0) return difference;
  }
  return 0;
}

std::size_t strlen(const char* text) {
  std::size_t length = 0;
  while (text[length] != 0) ++length;
  return length;
}

void* memchr(const void* in, int wanted, std::size_t size) {
  const auto* bytes = static_cast<const unsigned char*>(in);
  for (std::size_t i = 0; i < size; ++i) {
    if (bytes[i] == static_cast<unsigned char>(wanted)) return const_cast<unsigned char*>(bytes + i);
  }
  return nullptr;
}
}
