// What the witness uses of QEMU's plugin interface: distributions ship QEMU without qemu-plugin.h (QEMU's manual,
// docs/devel/tcg-plugins). PLUGIN_API is the version that the build is for: 1 is QEMU 7.2's; 3 is that of 9.1 and
// later.
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t qemu_plugin_id_t;
typedef uint32_t qemu_plugin_meminfo_t;
struct qemu_plugin_tb;      // a block of code that is being translated
struct qemu_plugin_insn;    // an instruction of it
struct qemu_plugin_hwaddr;  // where an access went, physically

// Only the beginning: the rest is of no use here.
typedef struct {
  const char* target_name;
} qemu_info_t;

enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };
enum qemu_plugin_mem_rw { QEMU_PLUGIN_MEM_RW = 3 };

typedef void (*translation_callback)(qemu_plugin_id_t, struct qemu_plugin_tb*);
typedef void (*execution_callback)(unsigned cpu, void* argument);
typedef void (*memory_callback)(unsigned cpu, qemu_plugin_meminfo_t, uint64_t va, void* argument);

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translation_callback);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb*, execution_callback, enum qemu_plugin_cb_flags,
                                          void* argument);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn*, execution_callback, enum qemu_plugin_cb_flags,
                                            void* argument);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn*, memory_callback, enum qemu_plugin_cb_flags,
                                      enum qemu_plugin_mem_rw, void* argument);

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb*);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb*);
struct qemu_plugin_insn* qemu_plugin_tb_get_insn(const struct qemu_plugin_tb*, size_t index);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn*);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn*);
#if PLUGIN_API >= 3
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn*, void* to, size_t size);
#else
const void* qemu_plugin_insn_data(const struct qemu_plugin_insn*);
#endif

bool qemu_plugin_mem_is_store(qemu_plugin_meminfo_t);
unsigned qemu_plugin_mem_size_shift(qemu_plugin_meminfo_t);
struct qemu_plugin_hwaddr* qemu_plugin_get_hwaddr(qemu_plugin_meminfo_t, uint64_t va);  // in a memory callback only
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr*);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr*);
