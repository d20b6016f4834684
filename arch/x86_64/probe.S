// Accesses that may fault without harm: traps.cc knows these instructions by name and goes on at probe_failed.
        .text
        .global probe_read_at, probe_read_access, probe_write_at, probe_write_access, probe_execute_at, probe_failed

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

// in: rdi = address to call; clobbers what any function may
probe_execute_at:
        subq    $8, %rsp                // align the stack for the callee
        call    *%rdi                   // may fault at its target
        addq    $8, %rsp
        ret
