// Strings and bytes, as the C standard has them (ISO C 7.24). The compiler calls the first four by itself.
#pragma once

#include <cstddef>

extern "C" {

void* memcpy(void* to, const void* from, std::size_t size);
void* memmove(void* to, const void* from, std::size_t size);  // they may overlap
void* memset(void* to, int value, std::size_t size);
int memcmp(const void* a, const void* b, std::size_t size);

std::size_t strlen(const char* text);
int strcmp(const char* a, const char* b);
int strncmp(const char* a, const char* b, std::size_t size);  // at most `size` characters
char* strcpy(char* to, const char* from);
char* strchr(const char* text, int wanted);  // the first `wanted`, or null
}
