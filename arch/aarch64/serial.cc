// The serial port, a PL011 UART (Arm DDI 0183, 3.3).
#include "arch/arch.h"
#include "kernel/base/layout.h"

namespace {

constexpr std::uint64_t kData = 0x00;
constexpr std::uint64_t kFlags = 0x18;
constexpr std::uint64_t kLineControl = 0x2c;
constexpr std::uint32_t kReceiveEmpty = 1 << 4;
constexpr std::uint32_t kTransmitFull = 1 << 5;
constexpr std::uint32_t kEnableFifos = 1 << 4;
constexpr std::uint32_t kEightBits = 3 << 5;

volatile std::uint32_t& uart_register(std::uint64_t offset) {
  return *static_cast<volatile std::uint32_t*>(register_at(layout::kUart + offset));
}

}  // namespace

// 16 characters may arrive while nobody looks.
void Arch::console_start() {
  uart_register(kLineControl) = kEightBits | kEnableFifos;
}

void Arch::console_write(char c) {
  while ((uart_register(kFlags) & kTransmitFull) != 0) {
  }
  uart_register(kData) = static_cast<unsigned char>(c);
}

std::optional<char> Arch::console_read() {
  if ((uart_register(kFlags) & kReceiveEmpty) != 0) return std::nullopt;
  return static_cast<char>(uart_register(kData));
}
