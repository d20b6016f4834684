"""An exception that a CPU took, as QEMU's log reports it."""

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from grade.walker import Access


class Kind(Enum):
    """The kinds of exceptions, in words."""

    PAGE_FAULT = "page fault"
    SYSTEM_CALL = "system call"
    INTERRUPT = "interrupt"
    BREAKPOINT = "breakpoint"
    OTHER = "other exception"
    RESET = "reset"


@dataclass(frozen=True)
class Taken:
    """One exception. `address` could not be accessed, by `access`; `pc` is the instruction, `what` all of it in words.

    `root` is the root table, if the log has it; `handler` is where the CPU went next, if the log has that.
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
        """Where the CPU may say that it was: at the instruction, or after it, as some CPUs do after a breakpoint."""
        return (self.pc, self.pc + 1 if self.kind is Kind.BREAKPOINT else self.pc)


class ExceptionReader(Protocol):
    """Reads QEMU's log line by line."""

    def take(self, line: str) -> Taken | None:
        """Returns the exception whose report this line ends, if it ends one."""
        ...


@dataclass(frozen=True)
class Refused:
    """An access that the MMU refused, as the CPU describes it."""

    access: Access
    user: bool
    words: str


@dataclass(frozen=True)
class LastFault:
    """The last access that the MMU refused. `decoded` has a line for each register or code that says so."""

    address: int
    access: Access
    user: bool
    pc: int
    decoded: tuple[str, ...]
