// Accesses that may fault without harm: kernel/base/probe.cc knows these instructions by name. A fault at one goes on at
// probe_failed, or at probe_execute_failed.
        .text
        .global probe_read_at, probe_read_access, probe_write_at, probe_write_access, probe_execute_at
        .global probe_failed, probe_execute_failed

// in: rdi = address, rsi = where to put the value; out: rax = 1, or 0 if it faulted
probe_read_at:
probe_read_access:
        movl    (%rdi), %eax            // may fault
        movl    %eax, (%rsi)
        movl    $1, %eax
        ret

// in: rdi = address, esi = value; out: rax = 1, or 0 if it faulted
probe_write_at:
probe_write_access:
        movl    %esi, (%rdi)            // may fault
        movl    $1, %eax
        ret

probe_failed:
        xorl    %eax, %eax
        ret

// in: rdi = address to call; out: rax = 1, or 0 if it faulted; clobbers what any function may
probe_execute_at:
        subq    $8, %rsp                // align the stack for the callee
        call    *%rdi                   // may fault at its target
        addq    $8, %rsp
        movl    $1, %eax
        ret

probe_execute_failed:
        addq    $16, %rsp               // the return address, which nobody has taken, and the alignment
        xorl    %eax, %eax
        ret
