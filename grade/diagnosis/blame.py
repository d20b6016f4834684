"""Whose line it was: the one of a student's that led to where the kernel ended."""

from functools import partial
from pathlib import Path

from grade.boot.kernel_image import SourceCall
from grade.boot.sight import Sight
from grade.diagnosis.call_chain import lines_of_calls
from grade.diagnosis.nonsense import tried
from grade.ladder.labs import load_labs, owner_of
from grade.ladder.trees import find_root

_CALLS, _SERVES = "kernel/calls/", "system_"
"""Where system calls are served, and how the names of those begin that serve them."""


def students_line(guest: Sight, at: tuple[int, int] | None = None) -> SourceCall | None:
    """Returns the line of a student's file that the stopped kernel is in, or that has called where it is; None if there is none.

    The lines of the highest lab come first: what earlier labs wrote is proved by their own milestones. Among these it is
    the innermost. `at` is where the kernel was: pc and stack pointer, if they are not those of now.
    """
    calls = tried(partial(lines_of_calls, guest, at)) or []
    labs = load_labs(find_root(Path(__file__)))
    owned = [(owner.number, call) for call in calls if (owner := owner_of(labs, call.file)) is not None]
    highest = max((number for number, _ in owned), default=0)
    return next((call for number, call in owned if number == highest), None)


def system_call_of(guest: Sight) -> str:
    """Returns the name of the system call in which the stopped kernel is, by the given files that serve them; '' if in none."""
    calls = tried(partial(lines_of_calls, guest)) or []
    served = (call.function.partition("(")[0].rpartition("::")[2] for call in calls if call.file.startswith(_CALLS))
    return next((name.removeprefix(_SERVES) for name in served if name.startswith(_SERVES)), "")


def place_of(call: SourceCall | None, otherwise: str) -> str:
    """Returns where to look: the line of the call, or what is known otherwise."""
    return f"{call.file}:{call.line}" if call is not None else otherwise


def by_whom(call: SourceCall | None, place: str) -> str:
    """Returns `, called from ...` for the end of a sentence about `place`; empty if that says all, or nothing is known."""
    return f", called from {call}" if call is not None and f"{call.file}:{call.line}" not in place else ""
