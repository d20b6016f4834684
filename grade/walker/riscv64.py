"""Sv39 of RISC-V, and Sv48 and Sv57, which only have more levels.

RISC-V Privileged Architecture 1.12: satp 4.1.11, the walk 4.3.2, Sv39 4.4, Sv48 4.5, Sv57 4.6. Svnapot and Svpbmt
are taken as absent, so their bits are reserved. An entry with A=0 is no fault: hardware may set A by itself.

     63  62..61 60..54 53 ................. 10  9..8  7   6   5   4   3   2   1   0
    +---+------+------+-----------------------+-----+---+---+---+---+---+---+---+---+
    | 0 |  0   |  0   | page number (PPN)     | RSW | D | A | G | U | X | W | R | V |
    +---+------+------+-----------------------+-----+---+---+---+---+---+---+---+---+

Registers: satp.
"""

from __future__ import annotations

from typing import Self

from grade.walker.entry import EMPTY, EVERYTHING, EXECUTE, LOCAL, READ, USER, WRITE, Decoded, Field, flag, mask, reserved
from grade.walker.format import PAGE_BITS, Window
from grade.walker.model import Attributes
from grade.walker.radix import RadixWalker

# 4.1.11: satp.
MODE_LOW = 60
TOP_OF_MODE = {8: 2, 9: 3, 10: 4}  # Sv39, Sv48, Sv57: the root's level
ROOT_PAGE = mask(43, 0)

# 4.4.1, figure 4.21.
VALID = 1 << 0
READABLE = 1 << 1
WRITABLE = 1 << 2
EXECUTABLE = 1 << 3
USER_PAGE = 1 << 4
GLOBAL = 1 << 5
ACCESSED = 1 << 6
DIRTY = 1 << 7
PAGE_NUMBER_LOW = 10
PAGE_NUMBER = mask(53, 10)
RESERVED = mask(63, 54)

FIELDS = (
    flag("V", 0, "not valid", "valid"),
    flag("R", 1, "not readable", "readable"),
    flag("W", 2, "not writable", "writable"),
    flag("X", 3, "not executable", "executable"),
    flag("U", 4, "supervisor only", "user"),
    flag("G", 5, "of this address space", "global"),
    flag("A", 6, "never used", "used"),
    flag("D", 7, "never written", "written"),
    Field("RSW", 8, 2, ("for software",)),
    Field("reserved", 54, 10, ("as it must be", "must be 0")),
)


class Riscv64Walker(RadixWalker):
    """Reads the tables that satp points to."""

    isa = "riscv64"

    def translation_on(self) -> bool:
        return self._mode() in TOP_OF_MODE

    def with_root(self, root: int, half: str | None = None) -> Self:
        satp = self.registers["satp"] & ~ROOT_PAGE | root >> PAGE_BITS & ROOT_PAGE
        return type(self)(self.memory, {**self.registers, "satp": satp})

    def _mode(self) -> int:
        return self.registers["satp"] >> MODE_LOW

    def _windows(self) -> tuple[Window, ...]:
        """Returns two windows with one root: the upper address bits repeat the top translated bit (4.4.1)."""
        top = TOP_OF_MODE.get(self._mode(), 2)
        half_size = 1 << self.shift(top + 1) - 1
        root = (self.registers["satp"] & ROOT_PAGE) << PAGE_BITS
        lower = Window("root", 0, half_size, root, top, 512)
        upper = Window("root", (1 << 64) - half_size, 1 << 64, root, top, 512)
        return lower, upper

    def entry_name(self, level: int) -> str:
        return f"level {level} PTE"

    def decode(self, level: int, entry: int) -> Decoded:
        """Follows steps 3 to 6 of 4.3.2."""
        if not entry & VALID:
            return EMPTY
        if entry & RESERVED:
            return reserved("bits 63 to 54")
        if entry & WRITABLE and not entry & READABLE:
            return reserved("W without R")
        if entry & (READABLE | EXECUTABLE):
            return self._decode_leaf(level, entry)
        if entry & (DIRTY | ACCESSED | USER_PAGE):
            return reserved("D, A or U in an entry that points to a table")
        if level == 0:
            return reserved("none of R, W, X: a pointer to a further table", fault="wrong-type")
        return Decoded("table", EVERYTHING & ~(LOCAL if entry & GLOBAL else 0))

    def _decode_leaf(self, level: int, entry: int) -> Decoded:
        if self.table_address(entry) & mask(self.shift(level) - 1, 0):
            return reserved(f"the address of a page of level {level} is not a multiple of its size")
        granted = ((READABLE, READ), (WRITABLE, WRITE), (EXECUTABLE, EXECUTE), (USER_PAGE, USER))
        grants = sum(right for bit, right in granted if entry & bit)
        return Decoded("leaf", grants | (0 if entry & GLOBAL else LOCAL))

    def attributes(self, level: int, entry: int, grants: int) -> Attributes:
        """Applies 4.3.1: the kernel never executes a user's page. The tables do not say whether memory is a device's."""
        user = bool(grants & USER)
        return {
            "read": bool(grants & READ),
            "write": bool(grants & WRITE),
            "kernel_execute": bool(grants & EXECUTE) and not user,
            "user_read": user and bool(grants & READ),
            "user_write": user and bool(grants & WRITE),
            "user_execute": user and bool(grants & EXECUTE),
            "global_": not grants & LOCAL,
            "memory": "unknown",
            "accessed": bool(entry & ACCESSED),
            "dirty": bool(entry & DIRTY),
        }

    def table_address(self, entry: int) -> int:
        return (entry & PAGE_NUMBER) << PAGE_BITS - PAGE_NUMBER_LOW

    def page_address(self, level: int, entry: int) -> int:
        return (entry & PAGE_NUMBER) << PAGE_BITS - PAGE_NUMBER_LOW

    def frame_bits(self, level: int) -> int:
        return mask(53, self.shift(level) - PAGE_BITS + PAGE_NUMBER_LOW)

    def fields(self, level: int, kind: str) -> tuple[Field, ...]:
        return FIELDS
