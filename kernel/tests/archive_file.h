// Archives of programs as the build would pack them, to be changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>

inline constexpr std::size_t kBlock = 512;

inline std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

inline std::string text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Puts `text` into the header at its offset, and makes the checksum right again.
inline void put(std::string& header, std::size_t offset, const std::string& text) {
  header.replace(offset, text.size(), text);
  header.replace(148, 8, "        ");
  unsigned sum = 0;
  for (const char c : header.substr(0, kBlock)) sum += static_cast<unsigned char>(c);
  char checksum[8];
  std::snprintf(checksum, sizeof checksum, "%06o", sum);
  header.replace(148, 8, std::string(checksum, 7) + ' ');
}

inline std::string size_field(std::size_t size) {
  char digits[12];
  std::snprintf(digits, sizeof digits, "%011zo", size);
  return {digits, sizeof digits};
}

// A file: a header with the fields that matter, the content, and zeros up to a full block.
inline std::string file(const std::string& name, const std::string& content) {
  std::string block(kBlock, '\0');
  put(block, 0, name);
  put(block, 124, size_field(content.size()));
  put(block, 156, "0");
  put(block, 257, "ustar");
  put(block, 263, "00");
  return block + content + std::string((kBlock - content.size() % kBlock) % kBlock, '\0');
}

inline const std::string kEnd(2 * kBlock, '\0');
