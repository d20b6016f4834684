// Drives a fuzz target where there is no libFuzzer. Each round changes one of the seeds a few times, at random, and no
// round depends on another: so a round that failed can be run again by itself.
//
//   fuzz_elf                           20,000 rounds, the same ones every time
//   fuzz_elf --seed 7 --rounds 0       other ones, until Ctrl-C
//   fuzz_elf --seed 7 --first 123 --rounds 1     round 123 again
//   fuzz_elf --seeds FOLDER            writes the seeds into a folder, for libFuzzer to begin with
//   fuzz_elf FILE...                   runs these inputs, such as one that libFuzzer has found
#include <sanitizer/common_interface_defs.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>

#include "kernel/tests/fuzz/target.h"

// Not there in a build without sanitizers, which counts the lines that run.
#pragma weak __sanitizer_set_death_callback

namespace {

constexpr std::size_t kCapacity = 1 << 16;  // of an input

struct Plan {
  unsigned long seed = 1, first = 0, rounds = 20'000;  // no rounds: without end
};

std::mt19937_64 g_random;
const char* g_program = "";
Plan g_plan;
unsigned long g_round = 0;

void say_which() {
  std::fprintf(stderr, "again: %s --seed %lu --first %lu --rounds 1\n", g_program, g_plan.seed, g_round);
}

void say_which_and_end(int) {
  say_which();
  std::_Exit(1);
}

// Runs a copy of its own size, so that AddressSanitizer sees a read beyond it.
void run(const std::string& input) {
  const std::vector<std::uint8_t> copy(input.begin(), input.end());
  LLVMFuzzerTestOneInput(copy.data(), copy.size());
}

void run_round(const std::vector<std::string>& all) {
  g_random.seed(g_plan.seed * 1'000'003 + g_round);
  std::string input = all[g_random() % all.size()];
  std::size_t size = input.size();
  input.resize(kCapacity);
  auto* data = reinterpret_cast<std::uint8_t*>(input.data());
  for (unsigned changes = 1 + g_random() % 4; changes > 0; --changes) {
    size = LLVMFuzzerCustomMutator(data, size, kCapacity, static_cast<unsigned>(g_random()));
  }
  run(input.substr(0, size));
}

int run_rounds() {
  const std::vector<std::string> all = seeds();
  for (const std::string& seed : all) run(seed);
  if (&__sanitizer_set_death_callback != nullptr) __sanitizer_set_death_callback(say_which);
  std::signal(SIGABRT, say_which_and_end);
  const unsigned long end = g_plan.first + g_plan.rounds;
  for (g_round = g_plan.first; g_plan.rounds == 0 || g_round < end; ++g_round) {
    run_round(all);
    if (g_plan.rounds == 0 && g_round % 1'000'000 == 0) std::printf("round %lu\n", g_round), std::fflush(stdout);
  }
  std::printf("seed %lu: %lu rounds, %lu accepted\n", g_plan.seed, g_plan.rounds, g_accepted);
  return 0;
}

int write_seeds(const std::string& folder) {
  unsigned number = 0;
  for (const std::string& seed : seeds()) {
    if (!(std::ofstream(folder + "/seed" + std::to_string(number++)) << seed)) return 2;
  }
  return 0;
}

int run_file(const char* name) {
  std::ifstream file(name, std::ios::binary);
  if (!file) return std::fprintf(stderr, "%s cannot be read\n", name), 2;
  run({std::istreambuf_iterator<char>(file), {}});
  return 0;
}

// The number after an option.
unsigned long* option(const char* name) {
  if (std::strcmp(name, "--seed") == 0) return &g_plan.seed;
  if (std::strcmp(name, "--first") == 0) return &g_plan.first;
  if (std::strcmp(name, "--rounds") == 0) return &g_plan.rounds;
  return nullptr;
}

}  // namespace

// One change: a bit, a byte, a piece that goes, is doubled or comes from elsewhere in the input.
extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t capacity) {
  std::string text = text_of(data, size);
  const std::size_t at = g_random() % (size + 1), length = 1 + g_random() % 64;
  switch (g_random() % 6) {
    case 0:
      if (at < size) text[at] = static_cast<char>(text[at] ^ 1 << g_random() % 8);
      break;
    case 1:
      if (at < size) text[at] = static_cast<char>(g_random());
      break;
    case 2: text.erase(at, length); break;
    case 3: text.insert(at, text.substr(at, length)); break;
    case 4: text.insert(at, text.substr(g_random() % (size + 1), length)); break;
    default: text.resize(g_random() % 4 == 0 ? at : size); break;
  }
  return put_back(text, data, capacity);
}

int main(int count, char** words) {
  g_program = words[0];
  for (int i = 1; i < count; ++i) {
    if (unsigned long* number = option(words[i]); number != nullptr && i + 1 < count) {
      *number = std::strtoul(words[++i], nullptr, 10);
    } else if (std::strcmp(words[i], "--seeds") == 0 && i + 1 < count) {
      return write_seeds(words[i + 1]);
    } else {
      int status = 0;
      for (; i < count; ++i) status |= run_file(words[i]);
      return status;
    }
  }
  return run_rounds();
}
