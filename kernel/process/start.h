// Processes become possible.
#pragma once

// Prepares the kernel half, user mode and process 0, which is the caller. Call it once, after lab 2's move.
void start_processes();
