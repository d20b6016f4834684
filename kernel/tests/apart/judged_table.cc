// A Table of the judge's: each function is a command to the engine.
#include <algorithm>

#include "kernel/paging/stale_tlb.h"
#include "kernel/tests/apart/judge.h"
#include "kernel/tests/table.h"

using apart::Message, apart::Word;

namespace {

Message ask(const Table& table, Word word, std::array<std::uint64_t, 5> values) {
  const auto [a, b, c, d, e] = values;
  const auto format = static_cast<std::uint16_t>(table.hardware().format);
  return apart::command({.word = word, .format = format, .values = {table.root().raw(), a, b, c, d, e}}, table.watch());
}

// An error that the engine names. One that does not exist is none of those that a test expects.
Error error_in(const Message& answer) {
  return static_cast<Error>(answer.values[0]);
}

Result<void> result_of(const Message& answer) {
  if (answer.word == Word::kFailed) return std::unexpected(error_in(answer));
  return {};
}

Translation translation(std::uint64_t address, std::uint64_t size, std::uint64_t flags) {
  return {PhysAddr{address}, size, flags_from_number(static_cast<unsigned>(flags))};
}

Result<StaleTlb> token_of(const Message& answer) {
  if (answer.word == Word::kFailed) return std::unexpected(error_in(answer));
  return StaleTlb(VirtAddr{answer.values[0]});
}

}  // namespace

Result<void> Table::map(VirtAddr va, PhysAddr pa, PageFlags flags, unsigned level) {
  return result_of(ask(*this, Word::kMap, {va.raw(), pa.raw(), apart::number_of(flags), level}));
}

Result<void> Table::map_range(VirtAddr va, PhysAddr pa, std::uint64_t size, PageFlags flags) {
  return result_of(ask(*this, Word::kMapRange, {va.raw(), pa.raw(), size, apart::number_of(flags)}));
}

std::optional<Translation> Table::lookup(VirtAddr va) const {
  const Message found = ask(*this, Word::kLookup, {va.raw()});
  if (found.word == Word::kFailed) return std::nullopt;
  return translation(found.values[0], found.values[1], found.values[2]);
}

std::vector<std::optional<Translation>> Table::lookup_all(const std::vector<VirtAddr>& places) const {
  std::vector<std::optional<Translation>> found;
  while (found.size() < places.size()) {
    const std::size_t begins = found.size(), count = std::min(places.size() - begins, apart::kMostPlaces);
    for (std::size_t each = 0; each < count; ++each) apart::places()[each] = {places[begins + each].raw()};
    ask(*this, Word::kLookupAll, {count});
    for (std::size_t each = 0; each < count; ++each) {
      const auto [va, address, size, flags] = apart::places()[each];
      found.push_back(size == 0 ? std::nullopt : std::optional(translation(address, size, flags)));
    }
  }
  return found;
}

Result<StaleTlb> Table::unmap(VirtAddr va) {
  return token_of(ask(*this, Word::kUnmap, {va.raw()}));
}

Result<StaleTlb> Table::protect(VirtAddr va, PageFlags flags) {
  return token_of(ask(*this, Word::kProtect, {va.raw(), apart::number_of(flags)}));
}
