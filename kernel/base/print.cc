#include "kernel/base/print.h"

#include "arch/arch.h"

namespace {

constinit bool g_line_is_open = false;

void write(std::string_view text) {
  for (const char c : text) Arch::console_write(c);
}

// Digits without leading zeros, in a base of at most 16.
void write_number(std::uint64_t value, unsigned base) {
  if (value >= base) write_number(value / base, base);
  const unsigned digit = value % base;
  Arch::console_write(static_cast<char>(digit < 10 ? '0' + digit : 'a' + digit - 10));
}

void write_hex(std::uint64_t value) {
  write("0x");
  write_number(value, 16);
}

}  // namespace

Line::Line() {
  if (g_line_is_open) Arch::console_write('\n');
  g_line_is_open = true;
}

Line::~Line() {
  Arch::console_write('\n');
  g_line_is_open = false;
}

Line& Line::operator<<(std::string_view text) {
  write(text);
  return *this;
}

Line& Line::operator<<(std::uint64_t decimal) {
  write_number(decimal, 10);
  return *this;
}

Line& Line::operator<<(PhysAddr address) {
  write_hex(address.raw());
  return *this;
}

Line& Line::operator<<(VirtAddr address) {
  write_hex(address.raw());
  return *this;
}

void print_raw(std::string_view text) {
  write(text);
  if (!text.empty()) g_line_is_open = text.back() != '\n';
}

Fact::Fact(std::string_view name) {
  line_ << "@" << name;
}

Fact& Fact::field(std::string_view key, std::string_view value) {
  line_ << " " << key << "=" << value;
  return *this;
}

Fact& Fact::field(std::string_view key, std::uint64_t value) {
  line_ << " " << key << "=" << value;
  return *this;
}

Fact& Fact::field(std::string_view key, Hex value) {
  line_ << " " << key << "=" << VirtAddr{value.value};
  return *this;
}
