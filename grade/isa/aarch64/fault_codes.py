"""What ESR_EL1 says about an exception, in words (Arm ARM D17.2.37)."""

from grade.isa.exceptions import Refused
from grade.walker import Access

UNKNOWN, SYSTEM_CALL, BREAKPOINT = 0x00, 0x15, 0x3C  # exception classes

# ESR_EL1, Arm ARM D17.2.37: exception classes, and the low bits of the fault status code of aborts.
_CLASSES = {
    UNKNOWN: "an unknown instruction",
    0x0E: "an illegal execution state",
    SYSTEM_CALL: "a system call (svc)",
    0x20: "an instruction abort from user mode",
    0x21: "an instruction abort from the kernel",
    0x22: "a misaligned pc",
    0x24: "a data abort from user mode",
    0x25: "a data abort from the kernel",
    0x26: "a misaligned sp",
    BREAKPOINT: "a breakpoint (brk)",
}
_ABORTS = {0x20: (Access.EXECUTE, True), 0x21: (Access.EXECUTE, False), 0x24: (Access.READ, True), 0x25: (Access.READ, False)}
_WRITE_NOT_READ = 1 << 6
_STATUS = {0b0000: "address size", 0b0001: "translation", 0b0010: "access flag", 0b0011: "permission"}


def syndrome_class(syndrome: int) -> int:
    """Returns ESR_EL1.EC, the exception class."""
    return syndrome >> 26 & 0x3F


def class_words(syndrome: int) -> str:
    """Returns the exception class in words."""
    return _CLASSES.get(syndrome_class(syndrome), "another exception")


def refused_by(syndrome: int) -> Refused | None:
    """Returns the access that was refused; None for any other exception."""
    kind = syndrome_class(syndrome)
    if kind not in _ABORTS:
        return None
    access, user = _ABORTS[kind]
    if access is Access.READ and syndrome & _WRITE_NOT_READ:
        access = Access.WRITE
    status = syndrome & 0x3F
    words = f"{_STATUS[status >> 2]} fault, Arm level {status & 3}" if status >> 2 in _STATUS else "another status"
    return Refused(access, user, f"fault status {status:#08b}: {words}; WnR = {syndrome >> 6 & 1}")
