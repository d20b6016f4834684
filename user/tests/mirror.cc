// Forks with all its registers filled, with numbers that depend on a word of its memory.
#include <cstdint>

#include "registers.h"
#include "user/lib/judged_call.h"
#include "user/lib/random.h"
#include "user/lib/system_calls.h"

extern "C" {
volatile std::uint64_t g_seed = 1;  // whoever looks on from outside may change it
}

int main() {
  g_seed = 1;  // it is there
  call_comes();
  Random random(g_seed);
  Registers registers;
  for (unsigned i = 0; i < kRegisterCount; ++i) registers.values[i] = legal_value(i, random.next());
  registers.values[kNumberRegister] = system_calls::kFork;
  system_call_with(registers);
  const auto result = static_cast<std::int64_t>(registers.values[kResultRegister]);
  call_returned(result);
  if (result > 0) wait4(result, nullptr);
  return 0;
}
