#include "user/lib/expect.h"

#include "user/lib/stdio.h"
#include "user/lib/system_calls.h"

namespace {
constinit int g_wrong = 0;
}

bool expect_equal(const char* what, std::int64_t seen, std::int64_t expected) {
  if (seen == expected) return true;
  printf("WRONG in process %ld: %s: got %ld, expected %ld\n", getpid(), what, seen, expected);
  ++g_wrong;
  return false;
}

bool expect(const char* what, bool is_right) {
  if (is_right) return true;
  printf("WRONG in process %ld: %s\n", getpid(), what);
  ++g_wrong;
  return false;
}

int wrong_count() {
  return g_wrong;
}

int verdict(const char* program) {
  if (g_wrong == 0) {
    printf("%s: all is well\n", program);
  } else {
    printf("%s: %d wrong\n", program, g_wrong);
  }
  return g_wrong == 0 ? 0 : 1;
}
