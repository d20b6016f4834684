"""How the CPU of an ISA takes a trap: which way it goes to a handler, and what it leaves for the handler."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from grade.isa.exceptions import LastFault, Taken
from grade.isa.registers import CpuState
from grade.walker import Access, Walk


class Event(Enum):
    """The reasons for which a CPU takes a trap."""

    BREAKPOINT = "a breakpoint"
    TICK = "a timer interrupt"
    SYSTEM_CALL = "a system call"
    UNKNOWN_INSTRUCTION = "an unknown instruction"


class StoppedCpu(Protocol):
    """A CPU that is stopped, and the memory that it sees."""

    def cpu(self) -> CpuState:
        """Reads the registers as they are now."""
        ...

    def walk(self, va: int) -> Walk:
        """Returns how `va` translates now."""
        ...

    def read_physical(self, pa: int, size: int) -> bytes:
        """Reads guest RAM."""
        ...

    def read_word(self, pa: int, size: int = 8) -> int:
        """Reads a little-endian number from guest RAM."""
        ...


class Unmapped(Exception):
    """Something that the CPU itself needs, and that was to be read, is not mapped."""

    def __init__(self, cause: str, wanted: str, seen: str, va: int) -> None:
        super().__init__(f"{wanted}; {seen}")
        self.cause, self.wanted, self.seen, self.va = cause, wanted, seen, va


@dataclass(frozen=True)
class Interrupted:
    """Interrupted code: its pc, sp and flags; `stack` is where the kernel's sp was before the CPU pushed anything."""

    user: bool
    pc: int
    sp: int
    stack: int
    flags: int


class Role(Enum):
    """The reasons for which the CPU itself accesses memory when it takes a trap."""

    TABLE = "a table that it reads"
    HANDLER = "the code that it goes to"
    STACK = "the stack that it pushes to"
    INTERRUPTED = "what it was doing before"


@dataclass(frozen=True)
class Need:
    """An address without which the CPU cannot take a trap, how it accesses it, and the cause if it is missing."""

    what: str
    va: int
    access: Access
    cause: str = ""
    role: Role = Role.INTERRUPTED


class Traps(ABC):
    """What can be asked of a stopped guest."""

    resets: bool
    """Whether an exception that cannot be delivered resets the machine."""
    name_of_stack: str
    """The manual's name for what place_of_stack() returns; empty if there is none."""

    @abstractmethod
    def handler(self, guest: StoppedCpu, event: Event, *, of_user: bool) -> int:
        """Returns where the CPU goes on that event, as its registers and tables say. Raises Unmapped."""

    @abstractmethod
    def has_taken(self, event: Event, cpu: CpuState) -> bool:
        """Returns whether that event has led the CPU to the handler, which several events may share."""

    @abstractmethod
    def interrupted(self, guest: StoppedCpu) -> Interrupted:
        """Returns what was interrupted, at the entrance of an event's handler. Raises Unmapped."""

    @abstractmethod
    def handler_of(self, guest: StoppedCpu, taken: Taken) -> int | None:
        """Returns where the CPU goes on that exception; None if it cannot get there, or that cannot be told."""

    @abstractmethod
    def has_just_taken(self, guest: StoppedCpu, taken: Taken) -> bool:
        """Returns whether the CPU may be at the handler for that exception, by where it was taken."""

    @abstractmethod
    def mark(self, cpu: CpuState) -> tuple[int, int]:
        """Returns a mark that is the same at a handler's entrance if the same exception has come again."""

    @abstractmethod
    def is_at_entrance(self, guest: StoppedCpu, cpu: CpuState) -> bool:
        """Returns whether the CPU is at the very entrance of an exception handler, where nothing can take long."""

    @abstractmethod
    def way_to_handler(self, guest: StoppedCpu, cpu: CpuState, *, at_its_end: bool) -> list[Need]:
        """Returns what the CPU needs to take an exception, in the order in which it needs it.

        A guest `at_its_end` was about to take one: then what it was doing may count as well.
        """

    @abstractmethod
    def needed(self, guest: StoppedCpu, cpu: CpuState) -> Iterator[Need]:
        """Yields what every root must have for the CPU to take any exception. Raises Unmapped."""

    @abstractmethod
    def addresses_held(self, guest: StoppedCpu, cpu: CpuState) -> Iterator[Need]:
        """Yields the addresses in the CPU's registers and tables, with the cause if one is still low. Raises Unmapped."""

    @abstractmethod
    def place_of_stack(self, cpu: CpuState) -> int | None:
        """Returns where the CPU looks for its stack on a trap from user mode; None if it is where sp was."""

    @abstractmethod
    def last_access(self, cpu: CpuState) -> Access:
        """Returns how the last faulting address was accessed; READ if no register keeps that."""

    @abstractmethod
    def last_fault(self, cpu: CpuState, frame: Mapping[str, int] | None) -> LastFault | None:
        """Returns the last fault that the CPU took, by its registers, or by the trap frame that is being handled."""
