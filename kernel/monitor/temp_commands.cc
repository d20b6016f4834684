// Commands about temporary mappings: windows, dump.
#include <array>
#include <cstring>
#include <optional>

#include "kernel/base/print.h"
#include "kernel/map/temp_map.h"
#include "kernel/monitor/monitor.h"
#include "kernel/process/process.h"
#include "kernel/space/user_copy.h"

namespace {

// What a user page is answered for which there is no window: it must not cost a frame.
void ask_for_user_frame() {
  const auto frame = allocate_user_frame();
  Fact("user-frame").field("result", frame ? std::string_view("ok") : name(frame.error()));
}

// Opens windows onto neighbouring frames, all at the same time, and tells what each shows. Stops at a checkpoint while
// they are open.
void open_windows(const Arguments& arguments) {
  std::array<std::optional<TempMap>, layout::kTempSlots + 1> windows;  // one more than there can be
  const auto pa = arguments.number(1);
  const auto count = arguments.count() > 2 ? arguments.number(2) : std::optional<std::uint64_t>(1);
  if (!pa || !count || *count > windows.size()) return report_misuse("windows", "bad-number");
  bool is_refused = false;
  for (unsigned i = 0; i < *count; ++i) {
    const PhysAddr frame = PhysAddr{*pa} + i * kPageSize;
    auto opened = TempMap::open(Frame::containing(frame));
    std::uint64_t word = 0;
    if (opened) std::memcpy(&word, opened->bytes().data(), sizeof(word));
    Fact fact("window");
    fact.field("number", i).field("pa", frame).field("result", opened ? std::string_view("ok") : name(opened.error()));
    is_refused = !opened.has_value();
    if (is_refused) break;
    fact.field("va", opened->address()).field("value", Hex{word});
    windows[i].emplace(std::move(*opened));
  }
  if (is_refused) ask_for_user_frame();
  checkpoint_reached("windows");
}

// The words of a process's memory, by the same way that system calls take.
void dump(const Arguments& arguments) {
  const auto pid = arguments.number(1);
  const auto va = arguments.number(2);
  const auto count = arguments.count() > 3 ? arguments.number(3) : std::optional<std::uint64_t>(1);
  if (!pid || *pid > kLargestPid || !va || !count) return report_misuse("dump", "bad-number");
  const Process* process = find_process(static_cast<unsigned>(*pid));
  if (process == nullptr || !process->space) return report_misuse("dump", "no-such-process");
  for (std::uint64_t i = 0; i < *count; ++i) {
    const VirtAddr at = VirtAddr{*va} + i * sizeof(std::uint64_t);
    std::uint64_t word = 0;
    const auto copied = copy_from_user(*process->space, std::as_writable_bytes(std::span(&word, 1)), at);
    Fact fact("dump");
    fact.field("pid", *pid).field("va", at);
    if (!copied) return void(fact.field("result", name(copied.error())));
    fact.field("value", Hex{word});
  }
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"windows", "PA [COUNT]", "opens windows onto COUNT frames from PA, and tells what they show", 1, open_windows},
    {"dump", "PID VA [COUNT]", "prints words of a process's memory", 2, dump},
};

}  // namespace
