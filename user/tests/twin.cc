// Has a child like itself. First it sees to it that there is something to copy: eight areas, of which 426 pages are
// there. Of some areas no page is missing, of others many are; one may not even be read any more. After the fork both
// wait until a word of their own memory says so, then write what they are told. The child goes on: it uses what was
// promised and never touched, and has the kernel write to its memory; last it wants something typed.
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "user/lib/judged_call.h"
#include "user/lib/random.h"
#include "user/lib/system_calls.h"

namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kPages = 426;  // as in the history behind lab 6
constexpr std::size_t kHeapPages = 40, kWidePages = 601, kClosedPages = 12, kStackPages = 10;
constexpr int kGrandchildsCode = 0x5a;

struct Order {
  volatile std::uint64_t* to;
  std::uint64_t value;
};

struct Range {
  volatile char* start;
  std::size_t size;
};

template <std::size_t kCount>
consteval std::array<std::uint64_t, kCount> random_words(std::uint64_t seed) {
  Random random(seed);
  std::array<std::uint64_t, kCount> words{};
  for (std::uint64_t& word : words) word = random.next();
  return words;
}

constexpr std::size_t kWordsPerPage = kPage / sizeof(std::uint64_t);
alignas(kPage) constinit thread_local std::array<volatile std::uint64_t, 2 * kWordsPerPage> t_words{1};

}  // namespace

// Whoever looks on from outside reads and writes these.
extern "C" {
volatile std::uint64_t g_go = 1;  // 0: wait
std::uint64_t g_order_count = 0;
Order g_orders[64];
Range g_ranges[5];  // memory that the program does not need for itself: data, heap, anonymous, stack, thread

// Promised, and not touched before the fork.
extern const std::array<std::uint64_t, 3 * kWordsPerPage> g_constants;
alignas(kPage) constinit const std::array<std::uint64_t, 3 * kWordsPerPage> g_constants =
    random_words<3 * kWordsPerPage>(1);
alignas(kPage) constinit std::array<std::uint64_t, 3 * kWordsPerPage> g_variables = random_words<3 * kWordsPerPage>(2);
alignas(kPage) char g_data[6 * kPage];

// What the child gets from the kernel.
alignas(kPage) volatile int g_status = -1;
alignas(kPage) char g_typed[kPage];
std::uint64_t g_heap_end, g_new_area;
}

namespace {

void touch(volatile char* page) {
  *page = static_cast<char>(reinterpret_cast<std::uintptr_t>(page) >> 12 | 1);
}

// How many pages there are.
std::uint64_t count_present() {
  std::uint64_t count = 0;
  AreaDescription area;
  for (std::uint64_t number = 0; describe_area(number, &area) == 1; ++number) count += area.present;
  return count;
}

volatile char* map(std::size_t pages) {
  using namespace memory_options;
  const auto at = mmap(nullptr, pages * kPage, kProtRead | kProtWrite, kMapPrivate | kMapAnonymous);
  return reinterpret_cast<volatile char*>(at);
}

Range make_heap() {
  auto* const start = reinterpret_cast<char*>(brk(nullptr));
  brk(start + kHeapPages * kPage - kPage / 2);  // the heap ends within a page
  for (std::size_t page = 0; page < kHeapPages; ++page) touch(start + page * kPage);
  return {start, kHeapPages * kPage - kPage / 2};
}

// Memory that keeps its bytes, though nobody may look at them now.
void make_closed() {
  volatile char* const start = map(kClosedPages);
  for (std::size_t page = 0; page < kClosedPages; page += 2) touch(start + page * kPage);
  mprotect(const_cast<char*>(start), kClosedPages * kPage, 0);
}

// As many pages as are missing at 426, scattered; the last one of the area is among them.
Range make_wide() {
  volatile char* const start = map(kWidePages);
  const std::uint64_t missing = kPages - count_present();
  for (std::uint64_t i = 0; i < missing; ++i) touch(start + (kWidePages - 1 + 7 * i) % kWidePages * kPage);
  return {start, kWidePages * kPage};
}

// The child: what was promised is still promised, and the kernel writes to its memory, and to nobody else's.
void go_on_as_child() {
  for (std::size_t at = 0; at < g_constants.size(); at += kWordsPerPage) {
    const volatile std::uint64_t& constant = g_constants[at];
    volatile std::uint64_t& variable = g_variables[at];
    [[maybe_unused]] const std::uint64_t read = constant + variable;
  }
  g_heap_end = static_cast<std::uint64_t>(brk(nullptr));
  brk(reinterpret_cast<char*>(g_heap_end + kPage));
  touch(reinterpret_cast<char*>(g_heap_end + kPage - 1));
  volatile char* const area = map(1);
  touch(area);
  g_new_area = reinterpret_cast<std::uintptr_t>(area);
  call_comes();

  const auto grandchild = fork();
  if (grandchild == 0) exit(kGrandchildsCode);
  wait4(grandchild, const_cast<int*>(&g_status));
  call_returned(read(0, g_typed, sizeof g_typed));
}

}  // namespace

int main() {
  alignas(16) volatile char on_stack[kStackPages * kPage];
  for (std::size_t at = 0; at < sizeof on_stack; at += kPage) touch(on_stack + at);
  for (std::size_t at = 0; at < sizeof g_data; at += kPage) touch(g_data + at);
  t_words.front() = 1;
  t_words.back() = 1;
  g_status = -1;
  g_typed[0] = 0;
  g_go = 1;
  for (Order& order : g_orders) order = {nullptr, 1};
  make_closed();
  g_ranges[0] = {g_data, sizeof g_data};
  g_ranges[1] = make_heap();
  g_ranges[3] = {on_stack, sizeof on_stack};
  g_ranges[4] = {reinterpret_cast<volatile char*>(t_words.data()), sizeof t_words};
  g_ranges[2] = make_wide();

  call_comes();
  const std::int64_t child = fork();
  call_returned(child);
  while (g_go == 0) sched_yield();
  for (const Order& order : std::span(g_orders).first(g_order_count)) *order.to = order.value;
  call_comes();
  if (child == 0) {
    go_on_as_child();
    return 0;
  }
  int status = -1;
  return wait4(child, &status) == child && status == 0 ? 0 : 1;
}
