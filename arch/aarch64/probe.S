// Accesses that may fault without harm: kernel/base/probe.cc knows these instructions by name. A fault at one goes on at
// probe_failed, or at probe_execute_failed.
        .text
        .global probe_read_at, probe_read_access, probe_write_at, probe_write_access, probe_execute_at
        .global probe_failed, probe_execute_failed

// in: x0 = address, x1 = where to put the value; out: x0 = 1, or 0 if it faulted; clobbers x2
probe_read_at:
probe_read_access:
        ldr     w2, [x0]                // may fault
        str     w2, [x1]
        mov     x0, #1
        ret

// in: x0 = address, w1 = value; out: x0 = 1, or 0 if it faulted
probe_write_at:
probe_write_access:
        str     w1, [x0]                // may fault
        mov     x0, #1
        ret

probe_failed:
        mov     x0, #0
        ret

// in: x0 = address to call; out: x0 = 1, or 0 if it faulted; clobbers what any function may
probe_execute_at:
        stp     x29, x30, [sp, #-16]!
        blr     x0                      // may fault at its target
        ldp     x29, x30, [sp], #16
        mov     x0, #1
        ret

probe_execute_failed:
        ldp     x29, x30, [sp], #16
        mov     x0, #0
        ret
