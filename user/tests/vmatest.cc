// Uses brk, mmap, munmap and mprotect in all the ways there are, and looks whether memory is as promised; then with
// every kind of nonsense, and looks whether the kernel answers as Linux does. Prints what was wrong, and exits with 0
// if nothing was. `vmatest die HOW` does one thing that must kill it: it starts itself with that.
#include <cstdint>
#include <initializer_list>

#include "kernel/base/addr.h"
#include "kernel/calls/error_numbers.h"
#include "kernel/space/user_layout.h"
#include "user/lib/expect.h"
#include "user/lib/stdio.h"
#include "user/lib/string.h"
#include "user/lib/system_calls.h"

namespace {

using namespace error_numbers;
using namespace memory_options;

constexpr int kSegmentationFault = 11;  // Linux's SIGSEGV
constexpr std::uint64_t kReadWrite = kProtRead | kProtWrite;
constexpr std::uint64_t kPrivate = kMapPrivate | kMapAnonymous;
constexpr std::uint64_t kUserEnd = layout::kUserEnd.raw();
constexpr std::uint64_t kKernel = 0xffff'8000'0000'0000;
constexpr std::uint64_t kMost = ~std::uint64_t{0};
constexpr std::uint64_t kPlace = 0x2000'0000'0000;  // where nothing is, and mmap by itself puts nothing

void* pointer(std::uint64_t address) {
  return reinterpret_cast<void*>(address);
}

volatile char& byte_at(std::uint64_t address) {
  return *static_cast<volatile char*>(pointer(address));
}

// The calls with numbers for addresses.
std::int64_t map(std::uint64_t start, std::uint64_t size, std::uint64_t protection = kReadWrite,
                 std::uint64_t flags = kPrivate | kMapFixedNoReplace) {
  return mmap(pointer(start), size, protection, flags);
}
std::int64_t unmap(std::uint64_t start, std::uint64_t size) {
  return munmap(pointer(start), size);
}
std::int64_t protect(std::uint64_t start, std::uint64_t size, std::uint64_t protection) {
  return mprotect(pointer(start), size, protection);
}
std::int64_t move_heap_end(std::uint64_t end) {
  return brk(pointer(end));
}

// The area that `address` is in; without one all is 0.
AreaDescription area_at(std::uint64_t address) {
  AreaDescription area{};
  for (std::uint64_t i = 0; describe_area(i, &area) == 1; ++i) {
    if (address >= area.start && address < area.end) return area;
  }
  return {};
}

std::uint64_t count_areas() {
  AreaDescription area;
  std::uint64_t count = 0;
  while (describe_area(count, &area) == 1) ++count;
  return count;
}

void expect_area(const char* what, std::uint64_t start, std::uint64_t pages, std::uint64_t present) {
  const AreaDescription area = area_at(start);
  expect_equal(what, area.start, start);
  expect_equal(what, area.end, start + pages * kPageSize);
  expect_equal(what, area.present, present);
}

// --- the heap ---

void check_heap_inside_a_page(std::uint64_t start) {
  expect_equal("brk by 100 bytes", move_heap_end(start + 100), start + 100);
  expect_equal("a new byte of the heap", byte_at(start + 99), 0);
  byte_at(start + 99) = 'a';
  expect_equal("brk by 100 more", move_heap_end(start + 200), start + 200);
  expect_equal("a byte of the heap that has grown", byte_at(start + 99), 'a');
  expect_equal("brk back inside the page", move_heap_end(start + 50), start + 50);
  expect_equal("brk inside the page again", move_heap_end(start + 100), start + 100);
  expect_equal("a byte of a page that was never given back", byte_at(start + 99), 'a');
}

void check_heap_by_pages(std::uint64_t start) {
  expect_equal("brk by pages", move_heap_end(start + 3 * kPageSize + 1), start + 3 * kPageSize + 1);
  expect_area("the heap, its first page touched", start, 4, 1);
  byte_at(start + 2 * kPageSize) = 'c';
  expect_area("the heap, two pages touched", start, 4, 2);
  expect_equal("brk back by pages", move_heap_end(start + kPageSize + 1), start + kPageSize + 1);
  expect_area("the heap without its last pages", start, 2, 1);
  expect_equal("brk forth by pages", move_heap_end(start + 3 * kPageSize), start + 3 * kPageSize);
  expect_equal("a byte of a page that was given back", byte_at(start + 2 * kPageSize), 0);
  expect_equal("a byte of a page that was not", byte_at(start + 99), 'a');
}

void check_heap_nonsense(std::uint64_t start) {
  const std::int64_t end = brk(nullptr);
  for (const std::uint64_t nonsense : {std::uint64_t{1}, start - 1, kUserEnd + 1, kKernel, kMost, kMost - 4094}) {
    expect_equal("brk to where no heap can end", move_heap_end(nonsense), end);
  }
  const std::uint64_t obstacle = start + 16 * kPageSize;
  expect_equal("mmap above the heap", map(obstacle, kPageSize), obstacle);
  expect_equal("brk into another area", move_heap_end(obstacle + 1), end);
  expect_equal("brk up to another area", move_heap_end(obstacle), obstacle);
  expect_equal("munmap above the heap", unmap(obstacle, kPageSize), 0);
  const std::uint64_t stack = area_at(layout::kUserStackTop.raw() - 1).start;
  expect_equal("brk up to the stack", move_heap_end(stack), obstacle);
  expect_equal("brk to a page below the stack", move_heap_end(stack - kPageSize), stack - kPageSize);
  expect_equal("brk back to the beginning", move_heap_end(start), start);
  const std::int64_t apart = map(stack - kPageSize, kPageSize, kReadWrite, kPrivate);
  expect("mmap with a hint to the page below the stack leaves that free",
         apart > 0 && apart != static_cast<std::int64_t>(stack - kPageSize));
  expect_equal("munmap of what was put elsewhere", unmap(apart, kPageSize), 0);
  expect_equal("no area is left of the heap", area_at(start).end, 0);
}

void check_heap_below_the_stack(std::uint64_t start) {
  const std::uint64_t stack = area_at(layout::kUserStackTop.raw() - 1).start;
  expect_equal("brk up to the stack", move_heap_end(stack), start);
  expect_equal("brk into the page below the stack", move_heap_end(stack - kPageSize + 1), start);
  expect_equal("brk up to the page below the stack", move_heap_end(stack - kPageSize), stack - kPageSize);
  expect_equal("brk back from there", move_heap_end(start), start);
}

void check_heap() {
  const std::uint64_t start = brk(nullptr);
  expect_equal("the heap begins at a page", start % kPageSize, 0);
  check_heap_inside_a_page(start);
  check_heap_by_pages(start);
  check_heap_nonsense(start);
  check_heap_below_the_stack(start);
}

// --- mmap ---

void check_demand() {
  expect_equal("mmap of 8 pages", map(kPlace, 8 * kPageSize), kPlace);
  expect_area("8 pages, none touched", kPlace, 8, 0);
  expect_equal("a page read first", byte_at(kPlace + 3 * kPageSize + 5), 0);
  expect_area("8 pages, one read", kPlace, 8, 1);
  byte_at(kPlace + 5 * kPageSize) = 'x';
  expect_area("8 pages, one read and one written", kPlace, 8, 2);
  for (std::uint64_t i = 0; i < 8 * kPageSize; i += 64) {
    expect_equal("a byte that nobody has written", byte_at(kPlace + i), i == 5 * kPageSize ? 'x' : 0);
  }
  expect_area("8 pages, all read", kPlace, 8, 8);
  expect_equal("munmap of 8 pages", unmap(kPlace, 8 * kPageSize), 0);
}

void check_where_mmap_puts_things() {
  const std::uint64_t first = map(0, 3 * kPageSize, kReadWrite, kPrivate);
  const std::uint64_t second = map(0, 1, kProtRead, kPrivate);
  expect("mmap without a hint", first % kPageSize == 0 && first >= kPageSize && first < kUserEnd);
  expect("mmap twice gives places that do not overlap", second >= first + 3 * kPageSize || second < first);
  expect_area("one byte is one page", second, 1, 0);

  expect_equal("mmap with a hint", map(kPlace, kPageSize, kReadWrite, kPrivate), kPlace);
  byte_at(kPlace) = 'k';
  const std::uint64_t elsewhere = map(kPlace, kPageSize, kProtRead, kPrivate);
  expect("mmap with a hint to where something is", elsewhere != kPlace && elsewhere < kUserEnd);
  expect_equal("what was there", byte_at(kPlace), 'k');
  const std::uint64_t beside = kPlace + kPageSize;
  expect_equal("mmap with a misaligned hint", map(beside + 77, kPageSize, kProtRead, kPrivate), beside);
  for (const std::uint64_t hint : {kKernel, kUserEnd, kUserEnd - kPageSize, kMost}) {
    const std::uint64_t start = map(hint, 2 * kPageSize, kProtRead, kPrivate);
    expect("mmap with a hint to where no user may be", start + 2 * kPageSize <= kUserEnd);
    unmap(start, 2 * kPageSize);
  }
  for (const std::uint64_t start :
       {first, first + kPageSize, first + 2 * kPageSize, second, kPlace, elsewhere, beside}) {
    expect_equal("munmap of a page", unmap(start, kPageSize), 0);
  }
}

void check_fixed() {
  expect_equal("mmap at a place", map(kPlace, 4 * kPageSize), kPlace);
  for (int i = 0; i < 4; ++i) byte_at(kPlace + i * kPageSize) = static_cast<char>('a' + i);
  const std::uint64_t middle = kPlace + kPageSize;
  expect_equal("mmap that may not replace", map(middle, kPageSize), -kEEXIST);
  expect_equal("mmap that may not replace, in part", map(kPlace + 3 * kPageSize, 2 * kPageSize), -kEEXIST);
  expect_equal("what was not replaced", byte_at(middle), 'b');
  expect_equal("mmap that replaces", map(middle, 2 * kPageSize, kReadWrite, kPrivate | kMapFixed), middle);
  expect_equal("a byte that was replaced", byte_at(middle), 0);
  expect_equal("another byte that was replaced", byte_at(middle + kPageSize), 0);
  expect_equal("the byte before", byte_at(kPlace), 'a');
  expect_equal("the byte after it", byte_at(middle + 2 * kPageSize), 'd');
  expect_area("alike areas that touch are one", kPlace, 4, 4);
  expect_equal("mmap that replaces with less", map(middle, kPageSize, kProtRead, kPrivate | kMapFixed), middle);
  expect_area("the part before it", kPlace, 1, 1);
  expect_area("the replaced part", middle, 1, 0);
  expect_area("the part after it", middle + kPageSize, 2, 2);
  expect_equal("munmap of all parts", unmap(kPlace, 4 * kPageSize), 0);
}

// --- munmap and mprotect ---

void check_munmap() {
  const std::uint64_t areas = count_areas();
  map(kPlace, 6 * kPageSize);
  for (int i = 0; i < 6; ++i) byte_at(kPlace + i * kPageSize) = static_cast<char>('a' + i);
  expect_equal("munmap in the middle", unmap(kPlace + 2 * kPageSize, 2 * kPageSize), 0);
  expect_area("what is left below", kPlace, 2, 2);
  expect_area("what is left above", kPlace + 4 * kPageSize, 2, 2);
  expect_equal("a byte below", byte_at(kPlace + kPageSize), 'b');
  expect_equal("a byte above", byte_at(kPlace + 4 * kPageSize), 'e');
  expect_equal("munmap of a hole", unmap(kPlace + 2 * kPageSize, 2 * kPageSize), 0);
  expect_equal("mmap of a hole", map(kPlace + 2 * kPageSize, kPageSize), kPlace + 2 * kPageSize);
  expect_equal("a byte of a page that is new", byte_at(kPlace + 2 * kPageSize), 0);
  expect_equal("munmap of less than a page", unmap(kPlace + kPageSize, 1), 0);
  expect_area("what is left of it", kPlace, 1, 1);
  expect_equal("munmap across holes", unmap(kPlace, 100 * kPageSize), 0);
  expect_equal("the number of areas afterwards", count_areas(), areas);
}

void check_mprotect() {
  map(kPlace, 4 * kPageSize);
  byte_at(kPlace + kPageSize) = 'b';
  expect_equal("mprotect to read", protect(kPlace + kPageSize, 2 * kPageSize, kProtRead), 0);
  expect_area("the protected part", kPlace + kPageSize, 2, 1);
  expect_equal("a byte that may only be read", byte_at(kPlace + kPageSize), 'b');
  expect_equal("a page first touched under its new protection", byte_at(kPlace + 2 * kPageSize), 0);
  expect_equal("mprotect to nothing", protect(kPlace, 4 * kPageSize, 0), 0);
  expect_area("a part without any rights", kPlace, 4, 2);
  expect_equal("a system call there", nanosleep(static_cast<Duration*>(pointer(kPlace + kPageSize))), -kEFAULT);
  expect_equal("mprotect to write", protect(kPlace, 4 * kPageSize, kReadWrite), 0);
  expect_equal("a byte that was out of reach", byte_at(kPlace + kPageSize), 'b');
  byte_at(kPlace + kPageSize) = 'B';
  expect_equal("a byte that may be written again", byte_at(kPlace + kPageSize), 'B');
  expect_equal("mprotect of less than a page", protect(kPlace + 3 * kPageSize, 1, kProtRead), 0);
  expect_area("all of the page", kPlace + 3 * kPageSize, 1, 0);
  expect_equal("munmap", unmap(kPlace, 4 * kPageSize), 0);
}

[[gnu::noinline, gnu::aligned(64)]] int answer() {
  return 42;
}

// Code that is written, and then run.
void check_execution() {
  map(kPlace, kPageSize);
  memcpy(pointer(kPlace), reinterpret_cast<const void*>(&answer), 64);
  expect_equal("mprotect to execute", protect(kPlace, kPageSize, kProtRead | kProtExec), 0);
  expect_equal("code that was written", reinterpret_cast<int (*)()>(kPlace)(), 42);
  expect_equal("munmap", unmap(kPlace, kPageSize), 0);
}

// --- system calls that get pages nobody has touched ---

void check_system_calls() {
  map(kPlace, 4 * kPageSize);
  expect_equal("nanosleep for what is still zero", nanosleep(static_cast<Duration*>(pointer(kPlace))), 0);
  expect_area("what nanosleep has touched", kPlace, 4, 1);
  const std::uint64_t across = kPlace + 2 * kPageSize - 64;  // the description is larger than that
  auto* const program = static_cast<ProgramDescription*>(pointer(across));
  expect_equal("describe_program", describe_program(0, program), 1);
  expect("what describe_program has written", program->name[0] != 0 && program->size > 0);
  expect_area("what describe_program has touched", kPlace, 4, 3);
  auto* const name = static_cast<char*>(pointer(kPlace + 3 * kPageSize - 7));
  memcpy(name, "nothing", 7);  // its 0 is in the next page, which nobody has touched
  const std::int64_t child = spawn(name, nullptr);
  expect_equal("a program whose name ends in the next page", wait4(child, nullptr), child);
  expect_area("what spawn has touched", kPlace, 4, 4);
  protect(kPlace, kPageSize, kProtRead);
  map(kPlace + 4 * kPageSize, kPageSize, kProtRead);
  for (const std::uint64_t read_only : {kPlace, kPlace + 4 * kPageSize}) {
    expect_equal("wait4 to where nobody may write",
                 describe_program(0, static_cast<ProgramDescription*>(pointer(read_only))), -kEFAULT);
  }
  expect_equal("munmap", unmap(kPlace, 5 * kPageSize), 0);
}

// --- the stack ---

[[gnu::noinline]] int use_stack(int pages) {
  volatile char page[4096];
  page[0] = static_cast<char>(pages);
  return pages == 0 ? 0 : use_stack(pages - 1) + (page[0] == static_cast<char>(pages) ? 1 : 0);
}

void check_stack() {
  constexpr std::uint64_t kTop = layout::kUserStackTop.raw();
  const std::uint64_t before = area_at(kTop - 1).start;
  auto* const below = static_cast<Duration*>(pointer(before - 10 * kPageSize));
  expect_equal("a system call below the stack", nanosleep(below), 0);
  expect_equal("the stack reaches down to there", area_at(kTop - 1).start, bits_of(below));
  expect_equal("a deep recursion", use_stack(200), 200);
  expect("the stack has grown", area_at(kTop - 1).start <= kTop - 200 * kPageSize);
  expect("the stack has not grown too far", area_at(kTop - 1).start >= kTop - 210 * kPageSize);
}

// --- nonsense ---

void check_mmap_nonsense() {
  constexpr std::uint64_t kFixed = kPrivate | kMapFixed;
  expect_equal("mmap of nothing", map(0, 0, kReadWrite, kPrivate), -kEINVAL);
  expect_equal("mmap of all there is", map(0, kMost, kReadWrite, kPrivate), -kENOMEM);
  expect_equal("mmap of the whole user half", map(0, kUserEnd, kReadWrite, kPrivate), -kENOMEM);
  expect_equal("mmap of far too much", map(0, std::uint64_t{1} << 63, kReadWrite, kPrivate), -kENOMEM);
  expect_equal("mmap neither shared nor private", map(0, kPageSize, kReadWrite, kMapAnonymous), -kEINVAL);
  expect_equal("mmap both shared and private", map(0, kPageSize, kReadWrite, kPrivate | kMapShared), -kEINVAL);
  expect_equal("mmap shared", map(0, kPageSize, kReadWrite, kMapAnonymous | kMapShared), -kEOPNOTSUPP);
  expect_equal("mmap to write and execute", map(0, kPageSize, kReadWrite | kProtExec, kPrivate), -kEACCES);
  expect_equal("mmap of no file", mmap(nullptr, kPageSize, kProtRead, kMapPrivate, -1), -kEBADF);
  expect_equal("mmap of a file that is not open", mmap(nullptr, kPageSize, kProtRead, kMapPrivate, 77), -kEBADF);
  expect_equal("mmap of the console", mmap(nullptr, kPageSize, kProtRead, kMapPrivate, 0), -kENODEV);
  expect_equal("mmap with half an offset", mmap(nullptr, kPageSize, kProtRead, kPrivate, -1, 1), -kEINVAL);
  expect_equal("mmap at half a page", map(kPlace + 1, kPageSize, kReadWrite, kFixed), -kEINVAL);
  expect_equal("mmap of page 0", map(0, kPageSize, kReadWrite, kFixed), -kEPERM);
  for (const std::uint64_t start : {kUserEnd, kUserEnd - kPageSize, kKernel, kMost - 4095}) {
    expect_equal("mmap at no user's place", map(start, 2 * kPageSize, kReadWrite, kFixed), -kENOMEM);
    expect_equal("mmap at no user's place", map(start, 2 * kPageSize), -kENOMEM);
  }
  expect_equal("mmap at half a page of no user's", map(kUserEnd + 1, kPageSize, kReadWrite, kFixed), -kENOMEM);
  expect_equal("mmap around the end", map(kPlace, kMost - kPlace, kReadWrite, kFixed), -kENOMEM);
  expect_equal("mmap over the program", map(0x40'0000, kPageSize), -kEEXIST);
}

void check_munmap_nonsense() {
  expect_equal("munmap of nothing", unmap(kPlace, 0), -kEINVAL);
  expect_equal("munmap of half a page", unmap(kPlace + 1, kPageSize), -kEINVAL);
  expect_equal("munmap of far too much", unmap(kPlace, kMost), -kEINVAL);
  expect_equal("munmap around the end", unmap(kPlace, -kPlace), -kEINVAL);
  for (const std::uint64_t start : {kUserEnd, kUserEnd - kPageSize, kKernel, kMost - 4095}) {
    expect_equal("munmap at no user's place", unmap(start, 2 * kPageSize), -kEINVAL);
  }
  expect_equal("munmap where nothing is", unmap(kPlace, 1000 * kPageSize), 0);
  expect_equal("munmap of page 0", unmap(0, kPageSize), 0);
}

void check_mprotect_nonsense() {
  map(kPlace, 2 * kPageSize);
  expect_equal("mprotect of nothing", protect(kPlace, 0, kProtRead), 0);
  expect_equal("mprotect of nothing to nonsense", protect(kPlace, 0, 0x1000), 0);
  expect_equal("mprotect of half a page", protect(kPlace + 1, kPageSize, kProtRead), -kEINVAL);
  expect_equal("mprotect to nonsense", protect(kPlace, kPageSize, 0x1000), -kEINVAL);
  expect_equal("mprotect to write and execute", protect(kPlace, kPageSize, kReadWrite | kProtExec), -kEACCES);
  expect_equal("mprotect where nothing is", protect(kPlace + 2 * kPageSize, kPageSize, kProtRead), -kENOMEM);
  expect_equal("mprotect where nothing follows", protect(kPlace, 3 * kPageSize, kProtRead), -kENOMEM);
  expect_equal("mprotect of far too much", protect(kPlace, kMost, kProtRead), -kENOMEM);
  expect_equal("mprotect around the end", protect(kPlace, -kPlace, kProtRead), -kENOMEM);
  for (const std::uint64_t start : {std::uint64_t{0}, kUserEnd - kPageSize, kUserEnd, kKernel, kMost - 4095}) {
    expect_equal("mprotect at no user's place", protect(start, 2 * kPageSize, kProtRead), -kENOMEM);
  }
  expect_equal("munmap", unmap(kPlace, 2 * kPageSize), 0);
}

// Areas in pieces, until there are no more to be had; then nothing but the one that failed is missing.
void check_too_many_areas() {
  constexpr std::uint64_t kPages = 600;
  const std::uint64_t before = count_areas();
  map(kPlace, kPages * kPageSize);
  std::uint64_t page = 1;
  while (page < kPages - 1 && unmap(kPlace + page * kPageSize, kPageSize) == 0) page += 2;
  expect("there are not as many areas as one likes", page < kPages - 1);
  const std::uint64_t most = count_areas();
  expect_equal("munmap that needs an area too many", unmap(kPlace + page * kPageSize, kPageSize), -kENOMEM);
  expect_equal("mprotect that needs an area too many", protect(kPlace + page * kPageSize, kPageSize, 0), -kENOMEM);
  expect_equal("mmap of an area too many", map(0, kPageSize, kProtRead, kPrivate), -kENOMEM);
  expect_equal("mmap in the middle of an area",
               map(kPlace + page * kPageSize, kPageSize, kProtRead, kPrivate | kMapFixed), -kENOMEM);
  expect_equal("the areas after all this", count_areas(), most);
  expect_equal("munmap of all of them", unmap(kPlace, kPages * kPageSize), 0);
  expect_equal("the areas when they are gone", count_areas(), before);
}

// --- what must kill ---

struct Misdeed {
  const char* name;
  void (*commit)();
  bool is_any_signal_right = false;
};

// A page with something in it, which it is about to lose.
void fill_page(std::uint64_t protection = kReadWrite) {
  map(kPlace, kPageSize);
  memcpy(pointer(kPlace), reinterpret_cast<const void*>(&answer), 64);
  if (protection != kReadWrite) protect(kPlace, kPageSize, protection);
}

void read_place() {
  [[maybe_unused]] const char seen = byte_at(kPlace);
}

void write_place() {
  byte_at(kPlace) = 1;
}

void execute_place() {
  reinterpret_cast<int (*)()>(kPlace)();
}

void write_past_heap() {
  const std::uint64_t start = brk(nullptr);
  move_heap_end(start + 2 * kPageSize);
  byte_at(start + kPageSize) = 1;
  move_heap_end(start + 1);
  byte_at(start + kPageSize) = 2;
}

// Where a protection is tightened, the page has been used before: the CPU may remember what was permitted.
constexpr Misdeed kMisdeeds[] = {
    {"read-nothing", read_place},
    {"write-nothing", write_place},
    {"execute-nothing", execute_place},
    {"read-what-was-promised-to-nobody", [] { map(kPlace, kPageSize, 0), read_place(); }},
    {"write-what-was-promised-to-read", [] { map(kPlace, kPageSize, kProtRead), write_place(); }},
    {"execute-what-was-promised-to-write", [] { map(kPlace, kPageSize), execute_place(); }},
    {"read-without-right", [] { fill_page(0), read_place(); }},
    {"write-without-right", [] { fill_page(kProtRead), write_place(); }},
    {"execute-without-right", [] { fill_page(), execute_place(); }},
    {"write-code", [] { fill_page(kProtRead | kProtExec), execute_place(), write_place(); }},
    {"read-after-munmap", [] { fill_page(), unmap(kPlace, kPageSize), read_place(); }},
    {"write-past-heap", write_past_heap},
    {"write-before-heap-grows", [] { byte_at(brk(nullptr)) = 1; }},
    {"write-over-program", [] { byte_at(bits_of(reinterpret_cast<const void*>(&answer))) = 1; }},
    {"write-over-constant", [] { byte_at(bits_of(&kMisdeeds)) = 1; }},
    {"use-up-stack", [] { use_stack(300); }},
    {"write-far-below-stack", [] { byte_at(layout::kUserStackLimit.raw() - 1) = 1; }},
    {"write-above-stack", [] { byte_at(layout::kUserStackTop.raw()) = 1; }},
    // It is permitted, and zeros are an undefined instruction, or one that writes where it may not.
    {"execute-zeros", [] { map(kPlace, kPageSize, kProtRead | kProtExec), execute_place(); }, true},
};

void check_deaths() {
  for (const Misdeed& misdeed : kMisdeeds) {
    const char* const arguments[] = {"vmatest", "die", misdeed.name, nullptr};
    int status = -1;
    const std::int64_t child = spawn("vmatest", arguments);
    expect_equal(misdeed.name, wait4(child, &status), child);
    const bool is_right = misdeed.is_any_signal_right && signal_of(status) != 0;
    expect_equal(misdeed.name, is_right ? kSegmentationFault : status, kSegmentationFault);
  }
}

int die(const char* how) {
  for (const Misdeed& misdeed : kMisdeeds) {
    if (strcmp(misdeed.name, how) == 0) misdeed.commit();
  }
  return 0;  // which is wrong
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && strcmp(argv[1], "die") == 0) return die(argv[2]);
  const std::uint64_t areas = count_areas();
  check_heap();
  check_demand();
  check_where_mmap_puts_things();
  check_fixed();
  check_munmap();
  check_mprotect();
  check_execution();
  check_system_calls();
  check_stack();
  check_mmap_nonsense();
  check_munmap_nonsense();
  check_mprotect_nonsense();
  check_too_many_areas();
  expect_equal("the areas at the end", count_areas(), areas);
  check_deaths();
  return verdict("vmatest");
}
