// The list of areas that is judged in lab 5. It lies in the RAM of both, and is plain data.
#include "kernel/space/vma.h"
#include "kernel/tests/apart/engine.h"
#include "kernel/tests/apart/protection_number.h"

namespace apart {

namespace {

VmaList& list() {
  return *reinterpret_cast<VmaList*>(kRamPlace + kListAt);
}

// The place of an area in the list; or that there is none.
Message place_of(const Vma* area) {
  if (area == nullptr) return failed(Error::kNoArea);
  return {.word = Word::kDone, .values = {static_cast<std::uint64_t>(area - list().all().data())}};
}

}  // namespace

Message answer(const Message& command) {
  const auto& [first, second, third, fourth, fifth, sixth] = command.values;
  const VirtAddr start{first}, end{second};
  switch (command.word) {
    case Word::kFind: return place_of(list().find(start));
    case Word::kFindFrom: return place_of(list().find_from(start));
    case Word::kFindGap: {
      const auto gap = list().find_gap(start, second);
      return gap ? Message{.word = Word::kDone, .values = {gap->raw()}} : failed(gap.error());
    }
    case Word::kInsert:
      return done_or_failed(list().insert({start, end, protection_from(third), static_cast<VmaKind>(fourth)}));
    case Word::kRemove: return done_or_failed(list().remove(start, end));
    case Word::kProtectArea: return done_or_failed(list().protect(start, end, protection_from(third)));
    default: return failed(Error::kNotPermitted);
  }
}

}  // namespace apart
