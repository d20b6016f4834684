#include "kernel/base/console.h"

#include <array>
#include <utility>

#include "arch/arch.h"
#include "kernel/sync/guarded.h"

namespace {

constexpr char kControlC = 3;
constexpr char kControlBackslash = 28;

// A ring: the characters from `first` on are waiting, `count` of them.
struct Typed {
  std::array<char, 512> characters;
  std::size_t first, count;
  Break wanted;
};
constinit Guarded<Typed> g_typed;

}  // namespace

void console_poll() {
  auto typed = g_typed.lock();
  while (typed->count < typed->characters.size()) {
    const auto c = Arch::console_read();
    if (!c) return;
    if (*c == kControlC && typed->wanted == Break::kNothing) typed->wanted = Break::kPrograms;
    if (*c == kControlBackslash) typed->wanted = Break::kAllPrograms;
    typed->characters[(typed->first + typed->count++) % typed->characters.size()] = *c;
  }
}

std::optional<char> console_read() {
  console_poll();
  auto typed = g_typed.lock();
  if (typed->count == 0) return std::nullopt;
  const char c = typed->characters[typed->first];
  typed->first = (typed->first + 1) % typed->characters.size();
  --typed->count;
  return c;
}

Break take_break() {
  auto typed = g_typed.lock();
  return std::exchange(typed->wanted, Break::kNothing);
}
