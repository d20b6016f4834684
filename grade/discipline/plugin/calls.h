// Who called: the calls of the kernel that have not returned. The instruction that breaks a rule is often given code;
// the one that should not have called it is further up.
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { kCallers = 8 };

// An instruction, and the addresses to which it and its callers return; 0 after the last one that is known.
typedef struct {
  uint64_t pc;
  uint64_t returns[kCallers];
} Where;

// The instruction at g_pc.
Where where_now(void);
// As text: the address, then those of the callers, with commas between. The buffer is kWhereText long.
enum { kWhereText = 20 * (kCallers + 1) };
const char* where_text(const Where* where, char* buffer);
// Where the calls went that return to where_now().returns: a function that ends in a jump to another has no call of its
// own any more. The buffer is as long.
const char* called_text(char* buffer);

// A call or a return is about to be executed.
void call_begins(uint64_t return_address);
void return_begins(void);
// The block that is executed next; after a return it shows where that went.
void goes_on_at(uint64_t pc);
