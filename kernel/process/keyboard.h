// Ctrl-C and Ctrl-\: how whoever sits at the console ends programs.
#pragma once

// Ends what was asked for since the last call: with Ctrl-C every program that does not ignore it, with Ctrl-\ every
// program. Whether there was something to obey. Does not return if the current process is one of them.
bool obey_keyboard();
