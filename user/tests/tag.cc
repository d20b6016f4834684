// Knows itself by a tag, and looks whether it is still itself. `tag VALUE TURNS` keeps VALUE in registers and in
// memory, gives the others TURNS turns, and after each compares. All processes that run this program have the tag at
// the same address; only their roots tell them apart. `tag VALUE` alone goes on for ever, and leaves it to the timer to
// give others a turn.
#include <cstdint>

#include "spare_register.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

// In memory, so that whoever looks at the process from outside sees them.
volatile std::uint64_t g_tag = 0;
volatile std::uint64_t g_turns = 0;
volatile std::uint64_t g_wrong = 0;  // how often the memory was somebody else's
volatile std::uint64_t g_lost = 0;   // how often the spare register was

// Whoever looks from outside can stop the process here.
extern "C" [[gnu::noinline]] void tag_is_done() {
  asm volatile("" ::: "memory");
}

int main(int argc, char** argv) {
  const std::uint64_t tag = argc > 1 ? strtoul(argv[1], nullptr, 0) : 0;
  const std::uint64_t turns = argc > 2 ? strtoul(argv[2], nullptr, 0) : 0;
  if (g_tag != 0) g_wrong = g_wrong + 1;  // memory of a new process is zero
  g_tag = tag;
  set_spare_register(tag);
  while (turns == 0 || g_turns < turns) {
    // The kernel does not look at the argument. It is there for the eyes of a debugger: it says who calls.
    if (turns != 0) system_call(system_calls::kSchedYield, tag);
    if (g_tag != tag) g_wrong = g_wrong + 1;
    if (!spare_register_holds(tag)) g_lost = g_lost + 1;
    g_turns = g_turns + 1;
  }
  tag_is_done();
  return g_wrong == 0 && g_lost == 0 ? 0 : 1;
}
