// What system calls and processes cost. `bench` alone only says that it runs.
#include <cstdint>

#include "marker.h"  // of the ISA: user/lib/<isa>/
#include "user/lib/operation.h"
#include "user/lib/system_calls.h"

namespace {

// The cheapest system call there is.
bool null_system_call(Times times) {
  std::int64_t last = 0;
  mark_begin();
  for (unsigned long i = 0; i < times.number; ++i) last = getpid();
  mark_end();
  return last > 0;
}

std::int64_t start(const char* program, const char* first = nullptr, const char* second = nullptr) {
  const char* const arguments[] = {program, first, second, nullptr};
  return spawn(program, arguments);
}

// To the partner and back.
bool yield(Times times) {
  const std::int64_t partner = start("bench", "partner", times.text);
  sched_yield();  // the partner comes as far as its own first sched_yield
  mark_begin();
  for (unsigned long i = 0; i < times.number; ++i) sched_yield();
  mark_end();
  return partner > 0 && wait4(partner, nullptr) == partner;
}

// Is still there when `yield` has measured.
bool be_partner(Times times) {
  constexpr unsigned long kSpare = 2;
  for (unsigned long i = 0; i < times.number + kSpare; ++i) sched_yield();
  return true;
}

// A process from its start to its end, seen by its parent.
bool spawn_and_wait(Times times) {
  bool worked = true;
  mark_begin();
  for (unsigned long i = 0; i < times.number; ++i) {
    const std::int64_t pid = start("nothing");
    worked &= pid > 0 && wait4(pid, nullptr) == pid;
  }
  mark_end();
  return worked;
}

constexpr Operation kOperations[] = {
    {"null", null_system_call},
    {"yield", yield},
    {"partner", be_partner},
    {"spawn", spawn_and_wait},
};

}  // namespace

int main(int argc, char** argv) {
  return run_operation(kOperations, argc, argv);
}
