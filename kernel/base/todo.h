// Where a lab's code is still to be written, the handout calls this.
#pragma once

// Names the exercise on the console and stops the machine. `function` is what the student writes next.
extern "C" [[noreturn]] void lab_todo(int lab, const char* function);
