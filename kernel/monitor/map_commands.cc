// Commands about mappings: map, lookup.
#include "kernel/monitor/map_commands.h"

#include "kernel/monitor/monitor.h"

std::optional<PageFlags> parse_flags(std::string_view letters) {
  PageFlags flags;
  for (const char letter : letters) {
    switch (letter) {
      case 'r': break;
      case 'w': flags.write = true; break;
      case 'x': flags.execute = true; break;
      case 'u': flags.user = true; break;
      case 'g': flags.global = true; break;
      case 'd': flags.memory = MemoryType::kDevice; break;
      default: return std::nullopt;
    }
  }
  return flags;
}

void add_result(Fact& fact, const Result<void>& result) {
  fact.field("result", result ? std::string_view("ok") : name(result.error()));
}

namespace {

void map(const Arguments& arguments) {
  const auto va = arguments.number(1);
  const auto pa = arguments.number(2);
  const auto flags = parse_flags(arguments.word(3));
  const auto size = arguments.count() > 4 ? arguments.number(4) : std::optional(kPageSize);
  if (!va || !pa || !size) return report_misuse("map", "bad-number");
  if (!flags) return report_misuse("map", "bad-flags");
  // First the work, then the line: the report of a fault in the work begins a line of its own.
  const auto result = active_table(VirtAddr{*va}).map_range(VirtAddr{*va}, PhysAddr{*pa}, *size, *flags);
  Fact fact("map");
  fact.field("va", Hex{*va}).field("pa", Hex{*pa});
  add_result(fact, result);
}

void lookup(const Arguments& arguments) {
  const auto va = arguments.number(1);
  if (!va) return report_misuse("lookup", "bad-number");
  const auto mapping = active_table(VirtAddr{*va}).lookup(VirtAddr{*va});
  Fact fact("lookup");
  fact.field("va", Hex{*va}).flag("mapped", mapping.has_value());
  if (!mapping) return;
  fact.field("pa", mapping->address)
      .field("size", Hex{mapping->size})
      .flag("write", mapping->flags.write)
      .flag("execute", mapping->flags.execute)
      .flag("user", mapping->flags.user)
      .flag("device", mapping->flags.memory == MemoryType::kDevice);
}

[[gnu::section(".data.rel.ro.commands"), gnu::used]] constinit const Command kCommands[] = {
    {"map", "VA PA FLAGS [SIZE]", "maps a page, or SIZE bytes; FLAGS are letters of rwxugd", 3, map},
    {"lookup", "VA", "asks the kernel's page-table code what VA translates to", 1, lookup},
};

}  // namespace
