"""An exception that a CPU took, as QEMU's log tells of it."""

from dataclasses import dataclass
from enum import Enum

from grade.diagnosis.fault_cause import Access


class Kind(Enum):
    """What it was, in words."""

    PAGE_FAULT = "page fault"
    SYSTEM_CALL = "system call"
    INTERRUPT = "interrupt"
    BREAKPOINT = "breakpoint"
    OTHER = "other exception"
    RESET = "reset"


@dataclass(frozen=True)
class Taken:
    """One exception. `address` is what could not be accessed, and how, `pc` the instruction, `what` all of it in words.

    `root` is the root table, where the log has it; `handler` where the CPU went next, where the log has that.
    """

    kind: Kind
    what: str
    pc: int
    user: bool
    address: int | None = None
    access: Access | None = None
    root: int | None = None
    handler: int | None = None

    @property
    def resumes(self) -> tuple[int, int]:
        """Where the CPU may say that it was: at the instruction, or behind it, as x86_64 does after a breakpoint."""
        return (self.pc, self.pc + 1 if self.kind is Kind.BREAKPOINT else self.pc)
