#include "user/lib/stdio.h"

#include <cstdarg>
#include <cstddef>
#include <cstdint>

#include "user/lib/string.h"
#include "user/lib/system_calls.h"

namespace {

// Collects characters, so that many of them go to the kernel at once.
class Output {
 public:
  void put(char c) {
    if (held_ == sizeof characters_) flush();
    characters_[held_++] = c;
    ++total_;
  }

  void put(const char* text, std::size_t length) {
    for (std::size_t i = 0; i < length; ++i) put(text[i]);
  }

  // Writes all that is held. Returns the number of all characters, or the first error.
  int flush() {
    for (std::size_t done = 0; done < held_ && error_ == 0;) {
      const std::int64_t result = write(1, characters_ + done, held_ - done);
      if (result > 0) done += result;
      if (result < 0) error_ = static_cast<int>(result);
    }
    held_ = 0;
    return error_ < 0 ? error_ : total_;
  }

 private:
  char characters_[256];
  std::size_t held_ = 0;
  int total_ = 0;
  int error_ = 0;
};

// What stands between a % and its letter, and the letter.
struct Conversion {
  char fill = ' ';
  std::size_t width = 0;
  bool is_long = false;
  char letter = 0;
};

// Reads the conversion at `format`, after the %, and moves `format` past it.
Conversion read_conversion(const char*& format) {
  Conversion found;
  if (*format == '0') found.fill = '0';
  for (; *format >= '0' && *format <= '9'; ++format) found.width = found.width * 10 + (*format - '0');
  for (; *format == 'l' || *format == 'z'; ++format) found.is_long = true;
  found.letter = *format;
  if (*format != 0) ++format;
  return found;
}

void put_fill(Output& output, char fill, std::size_t width, std::size_t length) {
  for (; length < width; ++length) output.put(fill);
}

void put_text(Output& output, const Conversion& conversion, const char* text, std::size_t length) {
  put_fill(output, ' ', conversion.width, length);
  output.put(text, length);
}

// `prefix` is a sign, 0x or nothing: zeros come after it, spaces before it.
void put_number(Output& output, const Conversion& conversion, const char* prefix, std::uint64_t value) {
  const unsigned base = conversion.letter == 'x' || conversion.letter == 'p' ? 16 : 10;
  char digits[20];  // those of 2^64 - 1 in base 10
  std::size_t first = sizeof digits;
  do {
    digits[--first] = "0123456789abcdef"[value % base];
    value /= base;
  } while (value != 0);
  const std::size_t length = strlen(prefix) + sizeof digits - first;
  if (conversion.fill == ' ') put_fill(output, ' ', conversion.width, length);
  output.put(prefix, strlen(prefix));
  if (conversion.fill == '0') put_fill(output, '0', conversion.width, length);
  output.put(digits + first, sizeof digits - first);
}

void put_signed(Output& output, const Conversion& conversion, std::int64_t value) {
  const auto bits = static_cast<std::uint64_t>(value);
  put_number(output, conversion, value < 0 ? "-" : "", value < 0 ? -bits : bits);
}

// Takes one of `arguments` and puts it as `conversion` says.
void put_argument(Output& output, const Conversion& conversion, std::va_list& arguments) {
  switch (conversion.letter) {
    case 'd':
    case 'i':
      put_signed(output, conversion, conversion.is_long ? va_arg(arguments, long) : va_arg(arguments, int));
      return;
    case 'u':
    case 'x':
      put_number(output, conversion, "",
                 conversion.is_long ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned));
      return;
    case 'p': put_number(output, conversion, "0x", bits_of(va_arg(arguments, void*))); return;
    case 'c': {
      const char character = static_cast<char>(va_arg(arguments, int));
      put_text(output, conversion, &character, 1);
      return;
    }
    case 's': {
      const char* const text = va_arg(arguments, const char*);
      put_text(output, conversion, text, strlen(text));
      return;
    }
    default: put_text(output, conversion, &conversion.letter, 1);
  }
}

}  // namespace

int printf(const char* format, ...) {
  Output output;
  std::va_list arguments;
  va_start(arguments, format);
  while (*format != 0) {
    const char c = *format++;
    if (c == '%') {
      put_argument(output, read_conversion(format), arguments);
    } else {
      output.put(c);
    }
  }
  va_end(arguments);
  return output.flush();
}

int puts(const char* text) {
  return printf("%s\n", text);
}
