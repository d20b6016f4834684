// The two ways the kernel stops itself: a CHECK that failed, and a lab that is not written yet.
#include <string_view>

#include "arch/arch.h"
#include "kernel/base/check.h"
#include "kernel/base/print.h"
#include "kernel/base/todo.h"
#include "kernel/base/trap.h"

void check_failed(const char* name, const char* condition, const char* file, int line, std::uint64_t first,
                  std::uint64_t second) {
  begin_last_report();
  const bool is_named = std::string_view(name) != "-";
  Line() << "kernel bug: CHECK(" << condition << ") failed at " << file << ":" << static_cast<unsigned>(line)
         << (is_named ? ": " : "") << (is_named ? name : "");
  Fact("panic")
      .field("check", name)
      .field("file", file)
      .field("line", static_cast<unsigned>(line))
      .field("first", Hex{first})
      .field("second", Hex{second});
  Arch::power_off();
}

void lab_todo(int lab, const char* function) {
  begin_last_report();
  Line() << "Lab " << static_cast<unsigned>(lab) << ": " << function << " is not written yet.";
  Fact("todo").field("lab", static_cast<unsigned>(lab)).field("function", function);
  Arch::power_off();
}
