// What an engine does with the commands of lab 1, in the format that they name.
#pragma once

#include "kernel/tests/apart/engine.h"
#include "kernel/tests/table.h"

namespace apart {

// The tables that a command is about.
inline Table table_of(const Message& command) {
  static Hardware hardware{};
  hardware.format = static_cast<Format>(command.format);
  return Table(hardware, PhysAddr{command.values[0]});
}

inline Message answer_to_map(const Message& command) {
  Table table = table_of(command);
  const auto& [root, va, second, third, fourth, fifth] = command.values;  // of kLookupAll the second is the count
  switch (command.word) {
    case Word::kMap: return done_or_failed(table.map(VirtAddr{va}, PhysAddr{second}, flags_from_number(third), fourth));
    case Word::kMapRange:
      return done_or_failed(table.map_range(VirtAddr{va}, PhysAddr{second}, third, flags_from_number(fourth)));
    case Word::kLookup: {
      const auto found = table.lookup(VirtAddr{va});
      if (!found) return failed(Error::kNotMapped);
      return {.word = Word::kDone, .values = {found->address.raw(), found->size, number_of(found->flags)}};
    }
    case Word::kLookupAll:
      for (std::size_t place = 0; place < va; ++place) {
        const auto found = table.lookup(VirtAddr{places()[place].va}).value_or(Translation{});
        places()[place] = {places()[place].va, found.address.raw(), found.size, number_of(found.flags)};
      }
      return {Word::kDone};
    default: return failed(Error::kNotPermitted);
  }
}

}  // namespace apart
