// A list of areas of the judge's: each function is a command to the program that has the student's.
#include <cstring>

#include "arch/arch.h"
#include "kernel/space/vma.h"
#include "kernel/tests/apart/judge.h"
#include "kernel/tests/apart/protection_number.h"

using apart::Message, apart::Word;

namespace {

VmaList& shared_list() {
  return *reinterpret_cast<VmaList*>(apart::kRamPlace + apart::kListAt);
}

// The list is laid where the other program finds it, and is afterwards what that has made of it.
Message ask(const VmaList& list, Word word, std::array<std::uint64_t, 4> values) {
  const auto [a, b, c, d] = values;
  std::memcpy(&shared_list(), &list, sizeof(list));
  return apart::command({.word = word, .values = {a, b, c, d}});
}

Message change(VmaList& list, Word word, std::array<std::uint64_t, 4> values) {
  const Message answer = ask(list, word, values);
  std::memcpy(&list, &shared_list(), sizeof(list));
  if (list.all().size() > VmaList::kMost) throw CheckFailed("the list has more areas than it may have");
  return answer;
}

Result<void> result_of(const Message& answer) {
  if (answer.word == Word::kFailed) return std::unexpected(static_cast<Error>(answer.values[0]));
  return {};
}

const Vma* area_at(const VmaList& list, const Message& answer) {
  return answer.word == Word::kFailed || answer.values[0] >= list.all().size() ? nullptr
                                                                               : &list.all()[answer.values[0]];
}

}  // namespace

const Vma* VmaList::find(VirtAddr va) const {
  return area_at(*this, ask(*this, Word::kFind, {va.raw()}));
}

const Vma* VmaList::find_from(VirtAddr va) const {
  return area_at(*this, ask(*this, Word::kFindFrom, {va.raw()}));
}

Result<VirtAddr> VmaList::find_gap(VirtAddr from, std::uint64_t size) const {
  const Message answer = ask(*this, Word::kFindGap, {from.raw(), size});
  if (answer.word == Word::kFailed) return std::unexpected(static_cast<Error>(answer.values[0]));
  return VirtAddr{answer.values[0]};
}

Result<void> VmaList::insert(const Vma& area) {
  const auto kind = static_cast<std::uint64_t>(area.kind);
  return result_of(change(*this, Word::kInsert, {area.start.raw(), area.end.raw(), number_of(area.protection), kind}));
}

Result<void> VmaList::remove(VirtAddr start, VirtAddr end) {
  return result_of(change(*this, Word::kRemove, {start.raw(), end.raw()}));
}

Result<void> VmaList::protect(VirtAddr start, VirtAddr end, Protection protection) {
  return result_of(change(*this, Word::kProtectArea, {start.raw(), end.raw(), number_of(protection)}));
}
