// The first serial port, a 16550 UART at I/O port 0x3f8.
#include "arch/arch.h"

namespace {

constexpr std::uint16_t kData = 0x3f8;
constexpr std::uint16_t kFifoControl = 0x3fa;
constexpr std::uint16_t kLineStatus = 0x3fd;
constexpr std::uint8_t kDataReady = 1 << 0;
constexpr std::uint8_t kHoldingRegisterEmpty = 1 << 5;
constexpr std::uint8_t kEnableFifos = 1 << 0;
constexpr std::uint8_t kTriggerAt14 = 3 << 6;  // in QEMU, the fill at which the sender is held back

}  // namespace

// 16 characters may arrive while nobody looks.
void Arch::console_start() {
  cpu::out8(kFifoControl, kEnableFifos | kTriggerAt14);
}

void Arch::console_write(char c) {
  while ((cpu::in8(kLineStatus) & kHoldingRegisterEmpty) == 0) {
  }
  cpu::out8(kData, static_cast<std::uint8_t>(c));
}

std::optional<char> Arch::console_read() {
  if ((cpu::in8(kLineStatus) & kDataReady) == 0) return std::nullopt;
  return static_cast<char>(cpu::in8(kData));
}
