"""A filter of system calls, for a process that needs few: made by libseccomp, which knows the numbers of every ISA."""

import ctypes
import mmap
import os
from pathlib import Path

from grade.ladder.files import write_whole

_ALLOW, _NOT_PERMITTED = 0x7FFF0000, 0x00050001  # SCMP_ACT_ALLOW, SCMP_ACT_ERRNO(EPERM)
_MASKED_EQUAL, _UNKNOWN = 7, -1  # SCMP_CMP_MASKED_EQ, __NR_SCMP_ERROR
_REFUSED = (
    # No process or thread beside it: it can neither multiply nor outlive anything.
    *("fork", "vfork", "clone", "clone3"),
    # No change of rights: root's are root's, with or without capabilities, and descriptors may lead to this machine's files.
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "utimensat"),
    *("futimesat", "setxattr", "fsetxattr", "lsetxattr", "mknod", "mknodat"),
    # No memory that belongs to no process, where nobody counts it.
    *("memfd_create", "memfd_secret", "shmget", "msgget", "semget", "mq_open"),
    # Nothing beside the line to the judge, and no way round this filter.
    *("socket", "socketpair", "io_uring_setup", "ptrace", "process_vm_readv", "process_vm_writev", "userfaultfd"),
    *("bpf", "perf_event_open", "keyctl", "add_key", "request_key", "unshare", "setns", "mount", "umount2", "pivot_root"),
)


class _Condition(ctypes.Structure):
    """A condition on an argument of a system call (struct scmp_arg_cmp)."""

    _fields_ = [
        ("argument", ctypes.c_uint),
        ("comparison", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    ]


def _add(outcome: int) -> None:
    if outcome != 0:
        raise OSError(-outcome, f"libseccomp refuses a rule: {os.strerror(-outcome)}")


def write_filter(file: Path) -> None:
    """Writes the filter as a program for the kernel (seccomp(2), SECCOMP_SET_MODE_FILTER). OSError if that is impossible."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(library.seccomp_init(ctypes.c_uint32(_ALLOW)))
    made = os.memfd_create("filter")
    try:
        for name in _REFUSED:
            number = library.seccomp_syscall_resolve_name(name.encode())
            if number != _UNKNOWN:
                _add(library.seccomp_rule_add(context, ctypes.c_uint32(_NOT_PERMITTED), ctypes.c_int(number), 0))
        # Memory that several processes may share is nobody's: pages of it stay, and no process is charged for them.
        shared = mmap.MAP_SHARED | mmap.MAP_ANONYMOUS
        flags = _Condition(3, _MASKED_EQUAL, shared, shared)
        for name in ("mmap", "mmap2"):
            number = library.seccomp_syscall_resolve_name(name.encode())
            _add(
                library.seccomp_rule_add_array(
                    context, ctypes.c_uint32(_NOT_PERMITTED), ctypes.c_int(number), 1, ctypes.byref(flags)
                )
            )
        if library.seccomp_export_bpf(context, made) != 0:
            raise OSError("libseccomp cannot write its filter")
        write_whole(file, os.pread(made, os.fstat(made).st_size, 0))
    finally:
        library.seccomp_release(context)
        os.close(made)
