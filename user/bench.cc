// What the kernel costs. `bench OPERATION N` does the operation N times between two markers, and ./pagewalk bench
// counts the instructions between them. `bench` alone only says that it runs.
#include <cstddef>
#include <cstdint>

#include "marker.h"  // of the ISA: user/lib/<isa>/
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/string.h"
#include "user/lib/system_calls.h"

// The compiler must not turn the copying of a page into a call of memcpy.
#pragma GCC optimize("no-tree-loop-distribute-patterns")

namespace {

constexpr std::size_t kPageSize = 4096;
alignas(kPageSize) constinit std::uint64_t g_page[kPageSize / sizeof(std::uint64_t)] = {};
alignas(kPageSize) constinit std::uint64_t g_other_page[kPageSize / sizeof(std::uint64_t)] = {};

// How often, also as it was typed.
struct Times {
  unsigned long number;
  const char* text;
};

// Each operation returns whether it worked. Between the markers is as little as possible beside the operation itself.

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

// A page copied word by word, for comparison.
bool copy_page(Times times) {
  mark_begin();
  for (unsigned long i = 0; i < times.number; ++i) {
    for (std::size_t word = 0; word < kPageSize / sizeof(std::uint64_t); ++word) g_other_page[word] = g_page[word];
    asm volatile("" ::"r"(g_page), "r"(g_other_page) : "memory");  // as if somebody looked at the pages now
  }
  mark_end();
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

struct Operation {
  const char* name;
  bool (*run)(Times times);
};

constexpr Operation kOperations[] = {
    {"null", null_system_call},
    {"yield", yield},
    {"partner", be_partner},
    {"copy_page", copy_page},
    {"spawn", spawn_and_wait},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    puts("bench is running");
    return 0;
  }
  const Times times{strtoul(argv[2], nullptr, 10), argv[2]};
  for (const Operation& operation : kOperations) {
    if (strcmp(argv[1], operation.name) == 0) return operation.run(times) ? 0 : 1;
  }
  printf("bench: there is no operation %s\n", argv[1]);
  return 1;
}
