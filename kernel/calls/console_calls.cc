// The system calls that print and read: the console is the only file.
#include <algorithm>
#include <cstddef>

#include "kernel/base/clock.h"
#include "kernel/base/console.h"
#include "kernel/base/print.h"
#include "kernel/calls/error_numbers.h"
#include "kernel/calls/system_calls.h"
#include "kernel/process/keyboard.h"
#include "kernel/process/scheduler.h"

namespace {

// How many bytes write and read move at a time, by way of the kernel's stack.
constexpr std::size_t kPieceSize = 512;

// The most that one call prints. Until it returns, the timer is not heard, nor Ctrl-C.
constexpr std::uint64_t kMostPrinted = 16 * kKiB;

// Prints what the user's memory holds. Stops at the first piece that is not the user's: what was printed counts.
Result<Value> write_console(VirtAddr from, std::uint64_t wanted) {
  const std::uint64_t size = std::min(wanted, kMostPrinted);
  std::array<char, kPieceSize> buffer;
  std::uint64_t done = 0;
  while (done < size) {
    const std::span piece(buffer.data(), std::min<std::uint64_t>(size - done, kPieceSize));
    const auto copied = get(std::as_writable_bytes(piece), from + done);
    if (!copied && done == 0) return std::unexpected(copied.error());
    if (!copied) break;
    print_raw({piece.data(), piece.size()});
    done += piece.size();
    if (done < size) yield();  // the serial port is slow: the others need not wait for all of it
  }
  return static_cast<Value>(done);
}

// Waits until something was typed, and takes what is there, as far as the page reaches in which it goes. Whether the
// user may have it there is asked first: what has been taken from the console cannot be given back.
Result<Value> read_console(VirtAddr to, std::uint64_t size) {
  TRY(expect_writable(to));
  std::array<char, kPieceSize> buffer;
  const std::size_t most = std::min<std::uint64_t>(within_page(to, size), kPieceSize);
  std::size_t count = 0;
  for (auto typed = console_read();; typed = console_read()) {
    if (typed) buffer[count++] = *typed;
    if (count == most || (count > 0 && !typed)) break;
    if (!typed) sleep_until(ticks() + 1);
  }
  if (obey_keyboard()) yield();  // before anybody acts on what was typed after a Ctrl-C: parents see to the ended first
  TRY(give(to, std::as_bytes(std::span(buffer.data(), count))));
  return static_cast<Value>(count);
}

}  // namespace

Value system_write(const Arguments6& arguments) {
  const std::uint64_t file = arguments[0];
  if (file != 1 && file != 2) return -error_numbers::kEBADF;
  return value_of(write_console(VirtAddr{arguments[1]}, arguments[2]));
}

Value system_read(const Arguments6& arguments) {
  if (arguments[0] != 0) return -error_numbers::kEBADF;
  if (arguments[2] == 0) return 0;
  return value_of(read_console(VirtAddr{arguments[1]}, arguments[2]));
}
