"""Records that a broken kernel has overwritten: reading them may raise anything, which must not end the report."""

import struct
from collections.abc import Callable
from typing import TypeVar

from grade.machine.machine import MachineError
from grade.results.failure import Failure
from grade.walker import TooManyTables
from grade.walker.memory import OutsideMemory

NONSENSE = (
    Failure, MachineError, OutsideMemory, TooManyTables, struct.error, ValueError, LookupError, OverflowError, MemoryError,
    StopIteration,
)  # fmt: skip
"""What reading such records may raise."""

T = TypeVar("T")


def tried(ask: Callable[[], T]) -> T | None:
    """Returns the answer; None if the guest's memory makes no sense."""
    try:
        return ask()
    except NONSENSE:
        return None
