// A kernel that maps nothing and says everything that the tests want to hear. Stands in for kernel/main.cc.
#include <algorithm>
#include <array>

#include "arch/arch.h"
#include "kernel/base/boot_parameters.h"
#include "kernel/base/print.h"
#include "kernel/map/kernel_regions.h"
#include "kernel/monitor/map_commands.h"
#include "kernel/monitor/monitor.h"

extern "C" void checkpoint_reached(const char* name);

namespace {

struct Forged {
  std::uint64_t va, pa;
  PageFlags flags;
};
constinit std::array<Forged, 256> g_maps{};
constinit unsigned g_count = 0;

constexpr std::uint64_t offset() {
#ifdef LIAR_IS_HIGH
  return layout::kKernelOffset;
#else
  return 0;
#endif
}

std::optional<Forged> find(std::uint64_t va) {
  for (unsigned i = 0; i < g_count; ++i) {
    if (g_maps[i].va == va - va % kPageSize) return g_maps[i];
  }
  for (const Region& region : kernel_regions()) {
    const std::uint64_t start = region.start.raw() + offset();
    if (va >= start && va - start < region.size) {
      return Forged{va - va % kPageSize, va - va % kPageSize - offset(), region.flags};
    }
  }
  return std::nullopt;
}

void map(std::uint64_t va, std::uint64_t pa, PageFlags flags) {
  const bool taken = find(va).has_value();
  if (!taken) g_maps[g_count++ % g_maps.size()] = {va, pa, flags};
  Fact("map")
      .field("va", Hex{va})
      .field("pa", Hex{pa})
      .field("result", std::string_view(taken ? "already-mapped" : "ok"));
}

void lookup(std::uint64_t va) {
  const auto found = find(va);
  Fact fact("lookup");
  fact.field("va", Hex{va}).flag("mapped", found.has_value());
  if (!found) return;
  fact.field("pa", Hex{found->pa + va % kPageSize}).field("size", Hex{kPageSize}).flag("write", found->flags.write);
  fact.flag("execute", found->flags.execute).flag("user", found->flags.user);
}

void touch(std::string_view command, std::uint64_t va) {
  if (find(va)) {
    Fact(command).field("va", Hex{va}).field("value", Hex{0});
    return;
  }
  const std::string_view access = command == "peek" ? "read" : command == "poke" ? "write" : "execute";
  Fact fact("fault");
  fact.field("address", Hex{va}).field("access", access).field("cause", std::string_view("not-present"));
  fact.field("pc", Hex{layout::kRamBase.raw() + offset()})
      .field("mode", std::string_view("kernel"))
      .flag("fatal", false);
}

void checkpoint(std::string_view given) {
  std::array<char, 32> name{};
  std::copy_n(given.data(), std::min(given.size(), name.size() - 1), name.data());
  Fact("checkpoint").field("name", given);
  checkpoint_reached(name.data());
}

void obey(std::string_view line) {
  Line() << "> " << line;
  const Arguments arguments(line);
  const std::string_view command = arguments.word(0);
  const std::uint64_t first = arguments.number(1).value_or(0);
  if (command == "checkpoint") checkpoint(arguments.word(1));
  if (command == "lookup") lookup(first);
  if (command == "map") map(first, *arguments.number(2), *parse_flags(arguments.word(3)));
  if (command == "peek" || command == "poke" || command == "jump") touch(command, first);
  if (command == "breakpoint") Fact("breakpoint").flag("returned", true);
  if (command == "ticks") Fact("ticks").field("before", std::uint64_t{3}).field("after", 3 + first);
}

}  // namespace

extern "C" void start_low() {
  Arch::console_start();
}

extern "C" [[noreturn]] void kernel_main() {
  Line() << "Pagewalk on " << Arch::kName;
  Fact("boot").field("isa", std::string_view(Arch::kName)).field("nonce", Hex{boot_parameters().nonce});
  std::string_view script = boot_script();
  while (!script.empty()) {
    const std::size_t end = std::min(script.find('\n'), script.size());
    obey(script.substr(0, end));
    script.remove_prefix(std::min(end + 1, script.size()));
  }
  Arch::power_off();
}
