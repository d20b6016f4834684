"""A filter of system calls, for a process that needs few: made by libseccomp, which knows the numbers of every ISA."""

import ctypes
import os
from pathlib import Path

from grade.ladder.files import write_whole

_ALLOW, _NOT_PERMITTED = 0x7FFF0000, 0x00050001  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM)
_REFUSED = (
    # No process or thread beside it: it can neither multiply nor outlive anything.
    *("fork", "vfork", "clone", "clone3"),
    # No memory that belongs to no process, where nobody counts it.
    *("memfd_create", "memfd_secret", "shmget", "msgget", "semget", "mq_open"),
    # Nothing beside the line to the judge, and no way round this filter.
    *("socket", "socketpair", "io_uring_setup", "ptrace", "process_vm_readv", "process_vm_writev", "userfaultfd"),
    *("bpf", "perf_event_open", "keyctl", "add_key", "request_key", "unshare", "setns", "mount", "umount2", "pivot_root"),
)


def write_filter(file: Path) -> None:
    """Writes the filter as a program for the kernel (seccomp(2), SECCOMP_SET_MODE_FILTER). OSError if that is impossible."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ALLOW)))
    made = os.memfd_create("filter")
    try:
        for name in _REFUSED:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if library.seccomp_rule_add(context, ctypes.c_uint32(_NOT_PERMITTED), ctypes.c_int(number), 0) != 0:
                raise OSError(f"libseccomp refuses a rule for {name}")
        if library.seccomp_export_bpf(context, made) != 0:
            raise OSError("libseccomp cannot write its filter")
        write_whole(file, os.pread(made, os.fstat(made).st_size, 0))
    finally:
        library.seccomp_release(context)
        os.close(made)
