// Text on the console.
#pragma once

// Writes `format`, with its arguments put in, to the console; returns the number of characters, or the negative error
// number if the kernel did not take them. Knows %d %i %u %x %p %s %c and %%; l or z before the letter for 64 bits; a
// width, and a 0 before it to fill up with zeros. Up to 256 characters are one write(), so that the lines of several
// processes do not mix.
[[gnu::format(printf, 1, 2)]] int printf(const char* format, ...);

// Writes `text` and ends the line; returns as printf does.
int puts(const char* text);
