// The functions that the compiler calls by itself, and those that std::string_view is made of.
// The first move eight bytes at a time where alignment allows: pages are copied and cleared by them.
#include <cstddef>
#include <cstdint>

namespace {

// A word that may lie over objects of any type.
using Word [[gnu::may_alias]] = std::uint64_t;

constexpr std::size_t kWordSize = sizeof(std::uint64_t);

bool are_aligned(const void* a, const void* b) {
  return (reinterpret_cast<std::uintptr_t>(a) | reinterpret_cast<std::uintptr_t>(b)) % kWordSize == 0;
}

// The compiler must not turn the loops of this file into calls of themselves.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

// Eight words at a time: what a loop costs beside its loads and stores is then paid once for all eight.
void copy_words(Word* to, const Word* from, std::size_t count) {
  for (; count >= 8; count -= 8, to += 8, from += 8) {
    const Word a = from[0], b = from[1], c = from[2], d = from[3];
    to[0] = a, to[1] = b, to[2] = c, to[3] = d;
    const Word e = from[4], f = from[5], g = from[6], h = from[7];
    to[4] = e, to[5] = f, to[6] = g, to[7] = h;
  }
  for (; count > 0; --count) *to++ = *from++;
}

void fill_words(Word* to, Word word, std::size_t count) {
  for (; count >= 8; count -= 8, to += 8) {
    to[0] = word, to[1] = word, to[2] = word, to[3] = word;
    to[4] = word, to[5] = word, to[6] = word, to[7] = word;
  }
  for (; count > 0; --count) *to++ = word;
}

}  // namespace

extern "C" {

void* memcpy(void* to, const void* from, std::size_t size) {
  std::size_t done = 0;
  if (are_aligned(to, from)) {
    copy_words(static_cast<Word*>(to), static_cast<const Word*>(from), size / kWordSize);
    done = size - size % kWordSize;
  }
  for (; done < size; ++done) static_cast<char*>(to)[done] = static_cast<const char*>(from)[done];
  return to;
}

void* memmove(void* to, const void* from, std::size_t size) {
  if (to <= from) return memcpy(to, from, size);
  for (std::size_t i = size; i > 0; --i) static_cast<char*>(to)[i - 1] = static_cast<const char*>(from)[i - 1];
  return to;
}

void* memset(void* to, int value, std::size_t size) {
  const std::uint64_t byte = static_cast<unsigned char>(value);
  std::size_t done = 0;
  if (are_aligned(to, to)) {
    fill_words(static_cast<Word*>(to), byte * 0x0101'0101'0101'0101, size / kWordSize);
    done = size - size % kWordSize;
  }
  for (; done < size; ++done) static_cast<unsigned char*>(to)[done] = static_cast<unsigned char>(byte);
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
