// What is typed on the console. It waits here until somebody reads it, also while nobody looks at the serial port.
#pragma once

#include <cstdint>
#include <optional>

// The next character, if there is one.
std::optional<char> console_read();

// Takes over what has arrived at the serial port, as far as there is room; the rest waits there.
void console_poll();

// What a key asks the kernel to end.
enum class Break : std::uint8_t {
  kNothing,
  kPrograms,     // Ctrl-C: the programs that do not ignore it
  kAllPrograms,  // Ctrl-\: all
};

// What has been asked for since this was last called. The character can be read as well.
Break take_break();
