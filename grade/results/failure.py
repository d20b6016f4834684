"""How a test says what went wrong: with a stable cause, what was expected, what was seen, and the walk."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, NoReturn, Self, TypeVar

from grade.results.causes import CAUSES
from grade.walker import Walk, explain
from grade.walker.data import walk_as_data, walk_from_data

Found = TypeVar("Found")


@dataclass(frozen=True)
class Kill:
    """A process that was killed, as the kernel reported it."""

    pid: int
    program: str
    signal: int
    pc: int
    address: int | None
    """The address that it accessed; None if it was no page fault."""
    report: str
    """The kernel's line about the exception."""

    def as_data(self) -> dict[str, Any]:
        """Returns the kill as a dictionary for JSON, with addresses in hexadecimal."""
        return {**asdict(self), "pc": hex(self.pc), "address": None if self.address is None else hex(self.address)}

    @classmethod
    def from_data(cls, document: Mapping[str, Any]) -> Self:
        """Reads it from JSON. LookupError, TypeError or ValueError if it is none of ours."""
        address = document["address"]
        wide = {"pc": int(document["pc"], 16), "address": None if address is None else int(address, 16)}
        return cls(**{**document, **wide})

    def __str__(self) -> str:
        return f"process {self.pid} ({self.program}) was killed at {self.pc:#x}: {self.report}"


@dataclass
class Failure(AssertionError):
    """A milestone that is not reached. `cause` is one of docs/causes.md; `file` is where to look if the cause does not say."""

    cause: str
    expected: str
    seen: str
    walk: Walk | None = None
    file: str = ""
    kill: Kill | None = None
    """The kill, if the failure is that a process was killed."""

    def __post_init__(self) -> None:
        if self.cause not in CAUSES:
            raise KeyError(f"{self.cause} is not in grade/results/causes.py")
        super().__init__(str(self))

    def __str__(self) -> str:
        return f"{self.cause}: expected {self.expected}; seen {self.seen}"

    @property
    def walk_lines(self) -> list[str]:
        """The walk as text, a line for each entry; empty if nothing was walked."""
        return explain(self.walk).splitlines() if self.walk is not None else []

    def as_data(self) -> dict[str, Any]:
        """Returns the failure as a dictionary for JSON."""
        return {
            "cause": self.cause,
            "expected": self.expected,
            "seen": self.seen,
            "walk": walk_as_data(self.walk) if self.walk is not None else None,
            "file": self.file,
            "kill": self.kill.as_data() if self.kill is not None else None,
        }

    @classmethod
    def from_data(cls, document: Mapping[str, Any]) -> Self:
        """Reads it from JSON. LookupError, TypeError or ValueError if it is none of ours."""
        walk, kill = document["walk"], document["kill"]
        read = {"walk": walk and walk_from_data(walk), "kill": kill and Kill.from_data(kill)}
        return cls(**{**document, **read})


class NotWritten(AssertionError):
    """The kernel reached a function that the student has still to write."""

    def __init__(self, function: str) -> None:
        self.function = function
        super().__init__(f"not written yet: {function}")


def fail(cause: str, expected: str, seen: str, walk: Walk | None = None, file: str = "") -> NoReturn:
    """Raises Failure: the milestone fails."""
    __tracebackhide__ = True
    raise Failure(cause, expected, seen, walk, file)


def expect(condition: bool, cause: str, expected: str, seen: str, walk: Walk | None = None, file: str = "") -> None:
    """Returns if `condition` holds, else fails."""
    __tracebackhide__ = True
    if not condition:
        fail(cause, expected, seen, walk, file)


@contextmanager
def hang_means(cause: str) -> Iterator[None]:
    """Gives a hang inside the block another cause: the caller knows from what the kernel does not return."""
    __tracebackhide__ = True
    try:
        yield
    except Failure as failure:
        if failure.cause != "hang":
            raise
        fail(cause, failure.expected, failure.seen, failure.walk, failure.file)


def expect_found(found: Found | None, cause: str, expected: str, seen: str, walk: Walk | None = None, file: str = "") -> Found:
    """Returns what was found; fails if that is None."""
    __tracebackhide__ = True
    if found is None:
        fail(cause, expected, seen, walk, file)
    return found
