// Hands the kernel memory on both sides of the border between two pages, to read from and to write to. `border OFFSET
// SIZE` writes SIZE bytes of its pages, all 'A', from OFFSET on. Then a child's status goes to the last byte of the
// first page and the three after it.
#include <cstddef>
#include <cstdint>

#include "user/lib/judged_call.h"
#include "user/lib/stdio.h"
#include "user/lib/stdlib.h"
#include "user/lib/string.h"
#include "user/lib/system_calls.h"

namespace {
constexpr std::size_t kPageSize = 4096;
constexpr int kExitCode = 0x5a;
}  // namespace

extern "C" {
alignas(kPageSize) char g_pages[4 * kPageSize];
}

int main(int argc, char** argv) {
  if (argc == 2 && strcmp(argv[1], "child") == 0) return kExitCode;
  if (argc < 3) return puts("border OFFSET SIZE");
  const std::size_t offset = strtoul(argv[1], nullptr, 0), size = strtoul(argv[2], nullptr, 0);
  memset(g_pages, 'A', sizeof g_pages);

  call_comes();
  const std::int64_t written = write(1, g_pages + offset, size);
  call_returned(written);

  const char* const arguments[] = {"border", "child", nullptr};
  const std::int64_t child = spawn("border", arguments);
  char* const status = g_pages + kPageSize - 1;
  call_comes();
  const std::int64_t ended = wait4(child, reinterpret_cast<int*>(status));
  call_returned(ended);

  const bool is_there = status[0] == 0 && status[1] == kExitCode && status[2] == 0 && status[3] == 0;
  return written == static_cast<std::int64_t>(size) && ended == child && is_there ? 0 : 1;
}
