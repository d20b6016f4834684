// The judge's side: commands an engine that runs as a process of its own.
#pragma once

#include "kernel/tests/apart/protocol.h"

struct Watch;

namespace apart {

// The command in this variable of the environment, a word on each line, runs the engine: in a sandbox, for example.
inline constexpr char kRunner[] = "PAGEWALK_ENGINE_RUNNER";

// Sends a command to the engine, which is started if it does not run yet, and returns its answer. Meanwhile it serves
// what the engine asks for; `watch`, if there is one, looks after each write. Throws CheckFailed if the engine failed
// one of its checks. An engine that has ended, or hangs, ends this program too, in the same way.
Message command(Message message, Watch* watch = nullptr);

}  // namespace apart
