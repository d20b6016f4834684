// The engine's side: a program that does what the judge says.
#pragma once

#include "kernel/base/addr.h"
#include "kernel/base/result.h"
#include "kernel/tests/apart/protocol.h"

class StaleTlb;

namespace apart {

// Asks the judge for something, and waits for it. Throws CheckFailed if that fails a check of the allocator's.
Message ask(const Message& request);

// What this program does with a command: defined once in each, beside what the student wrote.
Message answer(const Message& command);

// The address for which a token stands, which is spent by it.
VirtAddr flushed_by(StaleTlb& token);

inline Message failed(Error error) {
  return {.word = Word::kFailed, .values = {static_cast<std::uint64_t>(error)}};
}

template <typename T>
Message done_or_failed(const Result<T>& result) {
  return result ? Message{Word::kDone} : failed(result.error());
}

}  // namespace apart
