// The engine that is judged in lab 1.
#include "kernel/tests/apart/serve_map.h"

apart::Message apart::answer(const Message& command) {
  return answer_to_map(command);
}
