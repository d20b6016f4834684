// Commands about memory: regions, frames, fail, peek, poke, jump.
#include "kernel/base/print.h"
#include "kernel/base/probe.h"
#include "kernel/frames/frame_allocator.h"
#include "kernel/map/kernel_regions.h"
#include "kernel/monitor/monitor.h"

namespace {

void list_regions(const Arguments&) {
  for (const Region& region : kernel_regions()) {
    Fact("region")
        .field("name", region.name)
        .field("pa", region.start)
        .field("size", Hex{region.size})
        .flag("write", region.flags.write)
        .flag("execute", region.flags.execute)
        .flag("device", region.flags.memory == MemoryType::kDevice);
  }
}

void count_frames(const Arguments&) {
  const FrameCounts counts = frames().lock()->counts();
  Fact("frames")
      .field("total", counts.total)
      .field("free", counts.window_free + counts.beyond_free)
      .field("used", counts.used)
      .field("window_free", counts.window_free)
      .field("beyond_free", counts.beyond_free);
}

void fail(const Arguments& arguments) {
  const auto k = arguments.number(1);
  if (!k) return report_misuse("fail", "bad-number");
  frames().lock()->fail_allocation(*k);
  Fact("fail").field("allocation", *k);
}

void peek(const Arguments& arguments) {
  const auto va = arguments.number(1);
  if (!va) return report_misuse("peek", "bad-number");
  const auto value = probe_read(VirtAddr{*va});
  if (value) Fact("peek").field("va", Hex{*va}).field("value", Hex{*value});
}

void poke(const Arguments& arguments) {
  const auto va = arguments.number(1);
  const auto value = arguments.number(2);
  if (!va || !value || *value > ~std::uint32_t{0}) return report_misuse("poke", "bad-number");
  if (probe_write(VirtAddr{*va}, static_cast<std::uint32_t>(*value))) {
    Fact("poke").field("va", Hex{*va}).field("value", Hex{*value});
  }
}

void jump(const Arguments& arguments) {
  const auto va = arguments.number(1);
  if (!va) return report_misuse("jump", "bad-number");
  if (probe_execute(VirtAddr{*va})) Fact("jump").field("va", Hex{*va});
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"regions", "", "lists what the kernel's map consists of", 0, list_regions},
    {"frames", "", "counts the frames of RAM", 0, count_frames},
    {"fail", "K", "makes the K-th frame allocation from now fail; 0 takes it back", 1, fail},
    {"peek", "VA", "reads four bytes; a fault is reported", 1, peek},
    {"poke", "VA VALUE", "writes four bytes; a fault is reported", 2, poke},
    {"jump", "VA", "calls the code there; a fault is reported", 1, jump},
};

}  // namespace
