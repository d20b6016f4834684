"""Machine code and the ABI of an ISA."""

from collections.abc import Callable
from dataclasses import dataclass
from re import Pattern


@dataclass(frozen=True)
class Code:
    """What the grader must know about code that compilers make, and about code that it makes itself."""

    returning_42: int
    """A function of 8 bytes that returns 42, as a little-endian number."""
    thread_block: Callable[[int, int], int]
    """Returns how many bytes a thread's block has, by size and alignment of its variables (docs/processes.md)."""
    below_stack_pointer: Pattern[str] | None = None
    """An operand below the stack pointer, as objdump writes it; None where a trap leaves that memory alone."""


def rounded_up(size: int, alignment: int) -> int:
    """Returns the next multiple of `alignment`."""
    return -(-size // alignment) * alignment
