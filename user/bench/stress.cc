// Storms of fork, execve, exit, mmap, munmap, mprotect, brk and touch, at random, in up to 16 processes at a time, each
// of which knows what must be in its memory and looks: `stress ROUNDS [SEED]`. The same seed does the same. That there
// is no memory or no process left is nothing wrong: it goes on with fewer. Prints what was wrong, and exits with 0 if
// nothing was.
#include <array>
#include <cstddef>
#include <cstdint>

#include "kernel/base/addr.h"
#include "kernel/calls/error_numbers.h"
#include "user/lib/expect.h"
#include "user/lib/random.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/system_calls.h"

namespace {

using namespace error_numbers;
using namespace memory_options;

constexpr int kKill = 9;  // Linux's SIGKILL: whom the kernel ends for want of memory
constexpr std::uint64_t kReadWrite = kProtRead | kProtWrite;

// --- memory, and what must be in it ---

// A page as it must be. Its first and its last word are `value`; zero until they are written.
struct ExpectedPage {
  bool is_mapped;
  std::uint64_t protection;
  std::uint64_t value;
};

constexpr std::size_t kPages = 32;
constexpr std::size_t kWordsInPage = kPageSize / sizeof(std::uint64_t);
constexpr std::uint64_t kArena = 0x3000'0000'0000;  // where these pages are

struct Pages {
  std::size_t first, count;
};

// Memory for mmap and its kin, and for brk. A child gets it with the rest of its parent's memory.
class Arena {
 public:
  // Does something to it that is chosen at random.
  void change(Random& random) {
    const std::size_t first = random.below(kPages);
    const Pages range{first, 1 + random.below(kPages - first)};
    switch (random.below(6)) {
      case 0: return map(range);
      case 1: return unmap(range);
      case 2: return protect(range, random);
      case 3: return move_heap_end(random.below(kHeapPages + 1), random);
      default: return fill(range, random);
    }
  }

  // Looks at all that may be read.
  void check() const {
    for (std::size_t i = 0; i < kPages; ++i) {
      const ExpectedPage& page = pages_[i];
      if (page.is_mapped && page.protection != 0) check_page(words(i), page.value);
    }
    for (std::size_t i = 0; i < heap_pages_; ++i) check_page(heap_words(i), heap_values_[i]);
  }

 private:
  static constexpr std::size_t kHeapPages = 8;

  static volatile std::uint64_t* words(std::size_t page) {
    return reinterpret_cast<volatile std::uint64_t*>(kArena + page * kPageSize);
  }
  static const void* place(Pages range) { return const_cast<const std::uint64_t*>(words(range.first)); }

  static void check_page(const volatile std::uint64_t* words, std::uint64_t value) {
    expect_equal("the first word of a page", static_cast<std::int64_t>(words[0]), static_cast<std::int64_t>(value));
    expect_equal("the last word of a page", static_cast<std::int64_t>(words[kWordsInPage - 1]),
                 static_cast<std::int64_t>(value));
  }
  static void write_page(volatile std::uint64_t* words, std::uint64_t value) {
    words[0] = value;
    words[kWordsInPage - 1] = value;
  }

  void map(Pages range) {
    const std::int64_t result =
        mmap(place(range), range.count * kPageSize, kReadWrite, kMapPrivate | kMapAnonymous | kMapFixed);
    expect_equal("mmap", result, static_cast<std::int64_t>(bits_of(place(range))));
    for (std::size_t i = 0; i < range.count; ++i) pages_[range.first + i] = {true, kReadWrite, 0};
  }

  void unmap(Pages range) {
    expect_equal("munmap", munmap(place(range), range.count * kPageSize), 0);
    for (std::size_t i = 0; i < range.count; ++i) pages_[range.first + i] = {};
  }

  void protect(Pages range, Random& random) {
    constexpr std::uint64_t kProtections[] = {0, kProtRead, kReadWrite};
    const std::uint64_t protection = kProtections[random.below(3)];
    bool is_whole = true;
    for (std::size_t i = 0; i < range.count; ++i) is_whole &= pages_[range.first + i].is_mapped;
    const std::int64_t result = mprotect(place(range), range.count * kPageSize, protection);
    expect_equal("mprotect", result, is_whole ? 0 : -kENOMEM);
    for (std::size_t i = 0; is_whole && i < range.count; ++i) pages_[range.first + i].protection = protection;
  }

  void fill(Pages range, Random& random) {
    for (std::size_t i = range.first; i < range.first + range.count; ++i) {
      if (!pages_[i].is_mapped || pages_[i].protection != kReadWrite) continue;
      pages_[i].value = random.next();
      write_page(words(i), pages_[i].value);
    }
  }

  volatile std::uint64_t* heap_words(std::size_t page) const {
    return reinterpret_cast<volatile std::uint64_t*>(heap_start_ + page * kPageSize);
  }

  void move_heap_end(std::size_t pages, Random& random) {
    if (heap_start_ == 0) heap_start_ = brk(nullptr);
    const std::uint64_t end = heap_start_ + pages * kPageSize;
    expect_equal("brk", brk(reinterpret_cast<void*>(end)), static_cast<std::int64_t>(end));
    for (; heap_pages_ > pages; --heap_pages_) heap_values_[heap_pages_ - 1] = 0;
    heap_pages_ = pages;
    if (pages == 0) return;
    const std::size_t page = random.below(pages);
    heap_values_[page] = random.next();
    write_page(heap_words(page), heap_values_[page]);
  }

  std::array<ExpectedPage, kPages> pages_{};
  std::uint64_t heap_start_ = 0;
  std::size_t heap_pages_ = 0;
  std::array<std::uint64_t, kHeapPages> heap_values_{};
};

constinit Arena g_arena;

// --- processes ---

constinit unsigned long g_children = 0;  // of this process
constinit unsigned long g_misses = 0;    // how often it or a child of its had no memory or found no process

// What a child ends with. Below kWrong: how often it missed something, as far as there are numbers.
constexpr int kWrong = 99;
[[noreturn]] void leave_child() {
  if (wrong_count() != 0) exit(kWrong);
  exit(g_misses < kWrong ? static_cast<int>(g_misses) : kWrong - 1);
}

// The number of a new child, 0 in the child, or a negative number if there is none to be had.
std::int64_t try_fork() {
  const std::int64_t pid = fork();
  if (pid == 0) g_misses = 0;
  if (pid > 0) ++g_children;
  if (pid >= 0) return pid;
  expect("fork fails for want of memory or processes", pid == -kENOMEM || pid == -kEAGAIN);
  ++g_misses;
  return pid;
}

// Waits for a child, and returns its exit status; or `otherwise` if there was none, or if the kernel has killed it.
int await(std::int64_t pid, int otherwise) {
  if (pid < 0) return otherwise;
  int status = -1;
  expect_equal("wait4", wait4(pid, &status), pid);
  if (signal_of(status) == kKill) {
    ++g_misses;
    return otherwise;
  }
  expect_equal("the signal of a child", signal_of(status), 0);
  return exit_code_of(status);
}

void await_worker(std::int64_t pid) {
  const int code = await(pid, 0);
  expect("a child finds all as it must be", code != kWrong);
  g_misses += code;
}

// Changes the arena step by step, and now and then has a child that goes on with a copy.
void work(Random random, int depth) {
  for (unsigned steps = 10 + static_cast<unsigned>(random.below(20)); steps > 0; --steps) {
    g_arena.change(random);
    if (depth == 0 || random.below(8) != 0) continue;
    const std::uint64_t seed = random.seed();
    const std::int64_t pid = try_fork();
    if (pid == 0) {
      work(Random(seed), depth - 1);
      leave_child();
    }
    g_arena.change(random);
    g_arena.check();
    await_worker(pid);
  }
  g_arena.check();
}

// Processes that use memory, several at once.
void storm_of_work(Random& random) {
  std::array<std::int64_t, 4> pids;
  for (std::int64_t& pid : pids) {
    const std::uint64_t seed = random.seed();
    pid = try_fork();
    if (pid != 0) continue;
    work(Random(seed), 2);
    leave_child();
  }
  for (const std::int64_t pid : pids) await_worker(pid);
}

// Children that end at once. Their parent asks for them in another order.
void storm_of_exits(Random& random) {
  std::array<std::int64_t, 12> pids;
  for (std::size_t i = 0; i < pids.size(); ++i) {
    pids[i] = try_fork();
    if (pids[i] == 0) exit(static_cast<int>(10 + i));
  }
  const std::size_t first = random.below(pids.size());
  for (std::size_t i = 0; i < pids.size(); ++i) {
    const std::size_t child = (first + 5 * i) % pids.size();  // 5 and 12 have no divisor in common
    const int code = static_cast<int>(10 + child);
    expect_equal("the exit status of a child", await(pids[child], code), code);
  }
}

// In a child: fails to become a program that is not there, and becomes `child exit 42`.
[[noreturn]] void become_another(Random random) {
  g_arena.change(random);
  const char* const arguments[] = {"child", "exit", "42", nullptr};
  const std::int64_t missing = execve("no-such-program", arguments);
  expect("execve of no program", missing == -kENOENT || missing == -kENOMEM);
  g_arena.check();
  if (wrong_count() != 0) leave_child();
  const std::int64_t result = execve("child", arguments);
  expect_equal("execve", result, -kENOMEM);
  exit(wrong_count() == 0 ? 42 : kWrong);
}

void storm_of_programs(Random& random) {
  std::array<std::int64_t, 6> pids;
  for (std::int64_t& pid : pids) {
    const std::uint64_t seed = random.seed();
    pid = try_fork();
    if (pid == 0) become_another(Random(seed));
  }
  for (const std::int64_t pid : pids) expect_equal("the exit status of a program", await(pid, 42), 42);
}

}  // namespace

int main(int argc, char** argv) {
  const unsigned long rounds = argc > 1 ? strtoul(argv[1], nullptr, 0) : 10;
  const unsigned long seed = argc > 2 ? strtoul(argv[2], nullptr, 0) : 1;
  Random random(seed);
  for (unsigned long round = 0; round < rounds && wrong_count() == 0; ++round) {
    storm_of_work(random);
    storm_of_exits(random);
    storm_of_programs(random);
  }
  expect_equal("children at the end", wait4(-1, nullptr), -kECHILD);
  printf("stress: %lu rounds with seed %lu, %lu children of mine, %lu times something was not to be had\n", rounds,
         seed, g_children, g_misses);
  return verdict("stress");
}
