// How far does a process get? It leaves a crumb after each step: it runs; it has been interrupted, and still runs; a
// system call has returned. The last step is an instruction that no CPU knows: what kills it then is the exception, and
// not the way there.
#include <cstdint>

#include "user/lib/instructions.h"
#include "user/lib/system_calls.h"

// In memory, so that whoever looks at the process from outside sees how far it is.
volatile std::uint64_t g_crumbs = 0;
volatile std::uint64_t g_steps = 0;
volatile std::uint64_t g_go_on = 0;  // nobody in here sets it: it is for a debugger, when it has seen enough of step 1
volatile std::int64_t g_result = 0;

int main() {
  g_crumbs = 1;
  while (g_go_on == 0) g_steps = g_steps + 1;
  g_crumbs = 2;
  g_result = getpid();
  g_crumbs = 3;
  undefined_instruction();
  g_crumbs = 4;  // never
  return 1;
}
