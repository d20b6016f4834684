// A line that somebody types, for programs that talk to people. The kernel hands over characters as they come and shows
// none of them; here they appear on the console, and can be taken back.
#pragma once

#include <cstddef>
#include <cstdint>

// How the typing of a line ended.
enum class Typed : std::uint8_t {
  kLine,       // with the return key
  kTooLong,    // the same, but there were more characters than a Line holds
  kInterrupt,  // with Ctrl-C: forget it
  kEnd,        // with Ctrl-D where nothing was typed, or because there is no console to read
};

// Keys: backspace or delete takes the last character back, Ctrl-U all of them. Ctrl-C where nothing is typed does
// nothing: it has ended another program, and whoever reads was not meant. Other control characters and the sequences of
// cursor keys are left out; a tabulator is a space.
class Line {
 public:
  static constexpr std::size_t kLongest = 255;

  // Waits for a line. Takes no character from the console past its end: those are for whoever reads next.
  Typed read();

  // What was typed, if that was a line.
  char* text() { return text_; }

 private:
  void add(char c);
  void take_back();
  bool is_in_key_sequence(char c);

  char text_[kLongest + 1]{};
  std::size_t length_ = 0;  // of what was typed; what is beyond kLongest is neither kept nor shown
  enum class KeySequence : std::uint8_t { kNone, kEscape, kInside } key_sequence_ = KeySequence::kNone;
};
