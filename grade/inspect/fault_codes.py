"""What the CPU says of an exception, in words: ESR_EL1 on Arm, the error code of a page fault on x86."""

from dataclasses import dataclass

from grade.diagnosis.fault_cause import Access

# ESR_EL1, Arm ARM D17.2.37: exception classes, and the low bits of the fault status code of aborts.
_CLASSES = {
    0x00: "an unknown instruction",
    0x0E: "an illegal execution state",
    0x15: "a system call (svc)",
    0x20: "an instruction abort from user mode",
    0x21: "an instruction abort from the kernel",
    0x22: "a misaligned pc",
    0x24: "a data abort from user mode",
    0x25: "a data abort from the kernel",
    0x26: "a misaligned sp",
    0x3C: "a breakpoint (brk)",
}
_ABORTS = {0x20: (Access.EXECUTE, True), 0x21: (Access.EXECUTE, False), 0x24: (Access.READ, True), 0x25: (Access.READ, False)}
_WRITE_NOT_READ = 1 << 6
_STATUS = {0b0000: "address size", 0b0001: "translation", 0b0010: "access flag", 0b0011: "permission"}
_ERROR_BITS = ((0, "not present", "present, but not for this"), (1, "read", "write"), (2, "kernel", "user"))


@dataclass(frozen=True)
class Refused:
    """An access that the MMU refused, as the CPU describes it."""

    access: Access
    user: bool
    words: str


def syndrome_class(syndrome: int) -> int:
    """ESR_EL1.EC: which exception it is."""
    return syndrome >> 26 & 0x3F


def class_words(syndrome: int) -> str:
    """The exception class in words."""
    return _CLASSES.get(syndrome_class(syndrome), "another exception")


def refused_by_arm(syndrome: int) -> Refused | None:
    """What ESR_EL1 says of an abort; None if it is about something else."""
    kind = syndrome_class(syndrome)
    if kind not in _ABORTS:
        return None
    access, user = _ABORTS[kind]
    if access is Access.READ and syndrome & _WRITE_NOT_READ:
        access = Access.WRITE
    status = syndrome & 0x3F
    words = f"{_STATUS[status >> 2]} fault, Arm level {status & 3}" if status >> 2 in _STATUS else "another status"
    return Refused(access, user, f"fault status {status:#08b}: {words}; WnR = {syndrome >> 6 & 1}")


def refused_by_x86(error: int) -> Refused:
    """What the error code of a page fault says."""
    words = [meanings[error >> bit & 1] for bit, *meanings in _ERROR_BITS]
    words += ["a reserved bit is set"] if error & 8 else []
    words += ["instruction fetch"] if error & 16 else []
    access = Access.EXECUTE if error & 16 else Access.WRITE if error & 2 else Access.READ
    return Refused(access, bool(error & 4), f"error code {error:#x}: {', '.join(words)}")
