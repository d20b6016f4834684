// Instructions that C++ has no word for; user/lib/<isa>/instructions.S.
#pragma once

// An instruction that the ISA promises never to define. It is the first of this function: what happens, happens at the
// function's own address.
extern "C" void undefined_instruction();
