// The engine that is judged in lab 3.
#include "kernel/paging/stale_tlb.h"
#include "kernel/tests/apart/serve_map.h"

namespace {

// The address for which a token stands: the judge makes one like it, and sees whether it is spent.
apart::Message address_in(Result<StaleTlb> token) {
  if (!token) return apart::failed(token.error());
  return {.word = apart::Word::kDone, .values = {apart::flushed_by(*token).raw()}};
}

}  // namespace

apart::Message apart::answer(const Message& command) {
  Table table = table_of(command);
  const VirtAddr va{command.values[1]};
  if (command.word == Word::kUnmap) return address_in(table.unmap(va));
  if (command.word == Word::kProtect) return address_in(table.protect(va, flags_from_number(command.values[2])));
  return answer_to_map(command);
}
