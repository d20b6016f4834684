#include "grade/discipline/plugin/guest.h"

#include <dlfcn.h>
#include <string.h>

const uint8_t* g_ram;
uint64_t g_ram_base, g_ram_size, g_users_end, g_pc, g_moment;

bool in_ram(uint64_t pa) {
  return pa - g_ram_base < g_ram_size;
}

uint64_t read_word(uint64_t pa) {
  uint64_t word;
  memcpy(&word, g_ram + (pa - g_ram_base), sizeof word);
  return word;
}

Entry read_entry(uint64_t pa) {
  Entry entry;
  memcpy(&entry, g_ram + (pa - g_ram_base), sizeof entry);
  return entry_as_written(entry);
}

uint64_t frame_number(uint64_t pa) {
  return (pa - g_ram_base) >> kPageBits;
}

uint64_t size_of_level(unsigned level) {
  return (uint64_t)1 << (kPageBits + kIndexBits * level);
}

// QEMU 7.2 gives plugins no registers, but a QEMU that loads modules exports all its functions.

typedef struct {
  uint8_t* data;
  unsigned size;
} Bytes;  // glib's GByteArray

static void* (*g_get_cpu)(int);
static int (*g_read_register)(void* cpu, Bytes* to, int number);
static Bytes* (*g_set_size)(Bytes*, unsigned);
static Bytes* g_bytes;

bool find_register_reader(void) {
  Bytes* (*new_bytes)(void) = (Bytes * (*)(void)) dlsym(RTLD_DEFAULT, "g_byte_array_new");
  g_set_size = (Bytes * (*)(Bytes*, unsigned)) dlsym(RTLD_DEFAULT, "g_byte_array_set_size");
  g_get_cpu = (void* (*)(int))dlsym(RTLD_DEFAULT, "qemu_get_cpu");
  g_read_register = (int (*)(void*, Bytes*, int))dlsym(RTLD_DEFAULT, kRegisterReader);
  if (new_bytes == NULL || g_set_size == NULL || g_get_cpu == NULL || g_read_register == NULL) return false;
  g_bytes = new_bytes();
  return true;
}

uint64_t read_register(int number) {
  g_set_size(g_bytes, 0);
  g_read_register(g_get_cpu(0), g_bytes, number);
  uint64_t value = 0;
  memcpy(&value, g_bytes->data, g_bytes->size < sizeof value ? g_bytes->size : sizeof value);
  return value;
}

Translation walk_from(uint64_t table, unsigned level, uint64_t va) {
  for (;;) {
    if (!in_ram(table)) return (Translation){0};
    const uint64_t index = va >> (kPageBits + kIndexBits * level) & (kEntriesPerTable - 1);
    const Entry entry = read_entry(table + index * sizeof entry);
    if (!entry_is_valid(entry)) return (Translation){0};
    if (!entry_is_table(entry, level)) return (Translation){entry, level};
    table = entry_target(entry, level);
    --level;
  }
}

uint64_t physical(Translation translation, uint64_t va) {
  return entry_target(translation.leaf, translation.level) + (va & (size_of_level(translation.level) - 1));
}
