// Keeps its registers: fills all of them, lets the kernel in, and looks whether it finds them as they were. `keeper
// SEED ROUNDS` does so with each system call that is harmless, and with loops that the timer is to interrupt. Several
// of them at the same time, with different seeds, must not see each other's.
#include <cstdint>

#include "registers.h"
#include "user/lib/random.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

namespace {

constexpr std::uint64_t kStepsPerRound = 400'000;

Registers random_registers(Random& random) {
  Registers registers;
  for (unsigned i = 0; i < kRegisterCount; ++i) registers.values[i] = legal_value(i, random.next());
  return registers;
}

// Says which registers changed that should not have. Returns whether there are any.
bool has_lost_any(const char* what, const Registers& before, const Registers& after, unsigned may_change) {
  bool lost = false;
  for (unsigned i = 0; i < kRegisterCount; ++i) {
    if (i == may_change || before.values[i] == after.values[i]) continue;
    printf("keeper: %s: %s was 0x%lx and is 0x%lx\n", what, kRegisterNames[i], before.values[i], after.values[i]);
    lost = true;
  }
  return lost;
}

// Calls the kernel; its random arguments make most calls fail, which is as good.
bool loses_by_system_call(Random& random) {
  constexpr std::uint64_t kHarmless[] = {
      system_calls::kRead,   system_calls::kWrite, system_calls::kNanosleep, system_calls::kSchedYield,
      system_calls::kGetpid, system_calls::kWait4, system_calls::kSpawn,     4711,
  };
  for (const std::uint64_t number : kHarmless) {
    const Registers before = [&] {
      Registers filled = random_registers(random);
      filled.values[kNumberRegister] = number;
      return filled;
    }();
    Registers after = before;
    system_call_with(after);
    if (has_lost_any("a system call", before, after, kResultRegister)) return true;
  }
  return false;
}

bool loses_by_interrupt(Random& random) {
  Registers before = random_registers(random);
  before.values[kCountRegister] = kStepsPerRound;
  Registers after = before;
  count_down_with(after);
  return has_lost_any("a loop", before, after, kCountRegister);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  Random random(strtoul(argv[1], nullptr, 0));
  const std::uint64_t rounds = strtoul(argv[2], nullptr, 0);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    if (loses_by_system_call(random) || loses_by_interrupt(random)) return 1;
  }
  printf("keeper: kept its registers for %lu rounds\n", rounds);
  return 0;
}
