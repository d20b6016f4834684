#include "user/lib/line.h"

#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

namespace {

constexpr char kControlC = 3, kControlD = 4, kControlU = 21, kEscape = 27, kDelete = 127;

bool is_control(char c) {
  return static_cast<unsigned char>(c) < ' ';
}

}  // namespace

void Line::add(char c) {
  if (length_ < kLongest) {
    text_[length_] = c;
    write(1, &c, 1);
  }
  ++length_;
}

void Line::take_back() {
  --length_;
  if (length_ < kLongest) printf("\b \b");
}

// Cursor keys send ESC [ or ESC O, perhaps numbers, and a letter (ECMA-48, 5.4).
bool Line::is_in_key_sequence(char c) {
  const KeySequence before = key_sequence_;
  key_sequence_ = c == kEscape ? KeySequence::kEscape : KeySequence::kNone;
  if (is_control(c)) return c == kEscape;
  if (before == KeySequence::kNone) return false;
  const bool goes_on = before == KeySequence::kEscape ? c == '[' || c == 'O' : c < '@' || c > '~';
  if (goes_on) key_sequence_ = KeySequence::kInside;
  return goes_on || before == KeySequence::kInside;
}

Typed Line::read() {
  length_ = 0;
  for (;;) {
    char c = 0;
    if (::read(0, &c, 1) != 1) return Typed::kEnd;
    if (is_in_key_sequence(c)) continue;
    if (c == '\r' || c == '\n') {
      puts("");
      if (length_ > kLongest) return Typed::kTooLong;
      text_[length_] = 0;
      return Typed::kLine;
    }
    if (c == kControlC && length_ > 0) {
      puts("^C");
      return Typed::kInterrupt;
    }
    if (c == kControlD && length_ == 0) {
      puts("");
      return Typed::kEnd;
    }
    if ((c == '\b' || c == kDelete) && length_ > 0) take_back();
    while (c == kControlU && length_ > 0) take_back();
    if (c == '\t') c = ' ';
    if (c >= ' ' && c <= '~') add(c);
  }
}
