// Commands about temporary mappings: windows, dump, copy.
#include <array>
#include <cstring>
#include <optional>

#include "kernel/base/layout.h"
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
// they are open. One of them may be closed as soon as all slots are in use.
void open_windows(const Arguments& arguments) {
  std::array<std::optional<TempMap>, layout::kTempSlots + 2> windows;  // one more than can be open, and one closed
  const auto pa = arguments.number(1);
  const auto count = arguments.count() > 2 ? arguments.number(2) : std::optional<std::uint64_t>(1);
  const auto closed = arguments.count() > 3 ? arguments.number(3) : std::optional<std::uint64_t>(layout::kTempSlots);
  if (!pa || !count || *count > windows.size() || !closed || *closed > layout::kTempSlots) {
    return report_misuse("windows", "bad-number");
  }
  bool is_refused = false;
  for (unsigned i = 0; i < *count; ++i) {
    if (i == layout::kTempSlots) windows[*closed].reset();
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

// Copies a process's memory to RAM in the window that nobody uses, by one call, however many pages it is: system calls
// copy less at a time.
void copy(const Arguments& arguments) {
  const auto pid = arguments.number(1);
  const auto va = arguments.number(2);
  const auto size = arguments.number(3);
  const auto pa = arguments.number(4);
  if (!pid || *pid > kLargestPid || !va || !size || !pa) return report_misuse("copy", "bad-number");
  const std::uint64_t start = image_map.end.raw(), end = layout::kWindowEnd.raw();
  if (*pa < start || *pa > end || *size > end - *pa) return report_misuse("copy", "not-in-window");
  const Process* process = find_process(static_cast<unsigned>(*pid));
  if (process == nullptr || !process->space) return report_misuse("copy", "no-such-process");
  const std::span to(static_cast<std::byte*>(pointer_to(PhysAddr{*pa})), *size);
  const auto copied = copy_from_user(*process->space, to, VirtAddr{*va});
  Fact fact("copy");
  fact.field("pid", *pid).field("va", VirtAddr{*va}).field("size", *size);
  fact.field("result", copied ? std::string_view("ok") : name(copied.error()));
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"windows", "PA [COUNT [CLOSED]]", "opens windows onto COUNT frames from PA, and tells what they show", 1,
     open_windows},
    {"dump", "PID VA [COUNT]", "prints words of a process's memory", 2, dump},
    {"copy", "PID VA SIZE PA", "copies a process's memory to free RAM in the window, at once", 4, copy},
};

}  // namespace
