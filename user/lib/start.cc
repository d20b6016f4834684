// From the first instructions to main(), and from there to exit().
#include "user/lib/system_calls.h"

int main(int argc, char** argv);

// start.S calls this.
extern "C" [[noreturn]] void start_program(int argc, char** argv) {
  exit(main(argc, argv));
}
