"""What a broken kernel has written over its own records: reading them raises anything, and must not end the report."""

import struct
from collections.abc import Callable
from typing import TypeVar

from grade.diagnosis.failure import Failure
from grade.machine.machine import MachineError
from grade.walker import TooManyTables
from grade.walker.memory import OutsideMemory

NONSENSE = (
    Failure, MachineError, OutsideMemory, TooManyTables, struct.error, ValueError, LookupError, OverflowError, MemoryError,
    StopIteration,
)  # fmt: skip
"""What reading such records raises."""

T = TypeVar("T")


def tried(ask: Callable[[], T]) -> T | None:
    """The answer; None if the guest's memory makes no sense."""
    try:
        return ask()
    except NONSENSE:
        return None
