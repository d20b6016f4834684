// Commands about mappings that go or change: unmap, protect.
#include "kernel/monitor/map_commands.h"
#include "kernel/monitor/monitor.h"

namespace {

// Spends the token, and keeps only whether it worked.
Result<void> flushed(Result<StaleTlb> stale) {
  TRY(std::move(stale)).flush();
  return {};
}

void unmap(const Arguments& arguments) {
  const auto va = arguments.number(1);
  if (!va) return report_misuse("unmap", "bad-number");
  const auto result = flushed(active_table(VirtAddr{*va}).unmap(VirtAddr{*va}));
  Fact fact("unmap");
  fact.field("va", Hex{*va});
  add_result(fact, result);
}

void protect(const Arguments& arguments) {
  const auto va = arguments.number(1);
  const auto flags = parse_flags(arguments.word(2));
  if (!va) return report_misuse("protect", "bad-number");
  if (!flags) return report_misuse("protect", "bad-flags");
  const auto result = flushed(active_table(VirtAddr{*va}).protect(VirtAddr{*va}, *flags));
  Fact fact("protect");
  fact.field("va", Hex{*va});
  add_result(fact, result);
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"unmap", "VA", "takes away the mapping of the page or block at VA", 1, unmap},
    {"protect", "VA FLAGS", "gives the page or block at VA other flags", 2, protect},
};

}  // namespace
