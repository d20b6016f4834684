// Included before every file (CMakeLists.txt): each symbol is found relative to the code that uses it, never through a
// table of absolute addresses, which would be wrong before lab 2's move.
#pragma once
#pragma GCC visibility push(hidden)
