"""How a test says what went wrong: with a stable cause, what was expected, what was seen, and the walk."""

from dataclasses import dataclass
from typing import NoReturn

from grade.boot.frame_records import is_fill_of_freed
from grade.diagnosis.causes import CAUSES
from grade.results import NOT_WRITTEN
from grade.walker import Walk, explain


@dataclass
class Failure(AssertionError):
    """A milestone that is not reached. `cause` is one of docs/causes.md."""

    cause: str
    expected: str
    seen: str
    walk: str = ""
    file: str = ""
    killed: int | None = None
    """If it is that a process was killed: its number."""
    freed_root: int | None = None
    """The root that was walked, if the walk ends in a table that was given back: then something had gone wrong before."""

    def __post_init__(self) -> None:
        if self.cause not in CAUSES:
            raise KeyError(f"{self.cause} is not in grade/diagnosis/causes.py")
        super().__init__(f"{self.cause}: expected {self.expected}; seen {self.seen}")

    def __str__(self) -> str:
        return f"{self.cause}: expected {self.expected}; seen {self.seen}"


class NotWritten(AssertionError):
    """The kernel reached a function that the student has still to write."""

    def __init__(self, function: str) -> None:
        self.function = function
        super().__init__(f"{NOT_WRITTEN}{function}")


def fail(cause: str, expected: str, seen: str, walk: Walk | None = None, file: str = "") -> NoReturn:
    """Ends the test: the milestone fails."""
    __tracebackhide__ = True
    if walk is None:
        raise Failure(cause, expected, seen, file=file)
    is_freed = walk.mapping is None and bool(walk.steps) and is_fill_of_freed(walk.steps[-1].entry or 0)
    raise Failure(cause, expected, seen, explain(walk), file, freed_root=walk.root if is_freed else None)


def expect(condition: bool, cause: str, expected: str, seen: str, walk: Walk | None = None, file: str = "") -> None:
    """Goes on if `condition` holds, else fails."""
    __tracebackhide__ = True
    if not condition:
        fail(cause, expected, seen, walk, file)
