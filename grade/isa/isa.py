"""An ISA as the grader sees it: what it must know about the board, the registers, the page tables, the traps and the code."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from re import Pattern

from grade.isa.barriers import Barriers
from grade.isa.board import Board
from grade.isa.code import Code
from grade.isa.control import Control
from grade.isa.exceptions import ExceptionReader
from grade.isa.paging import Paging
from grade.isa.registers import Registers
from grade.isa.traps import Traps


@dataclass(frozen=True, eq=False)
class Isa:
    """One ISA, on the board on which the kernel runs."""

    name: str
    board: Board
    registers: Registers
    paging: Paging
    control: Control
    traps: Traps
    code: Code
    barriers: Barriers
    aims: Mapping[str, float]
    """What `./pagewalk bench` is to measure at most on this ISA: instructions, or multiples of another figure."""
    exception_reader: Callable[[], ExceptionReader]
    """Makes a reader of QEMU's log of the exceptions that the CPU takes."""
    recorded_on: Pattern[str]
    """Matches what only this CPU's output has: its name, its registers, the addresses of its kernel and of its RAM."""

    def __str__(self) -> str:
        return self.name
