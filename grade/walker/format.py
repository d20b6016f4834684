"""What a format of page tables defines: where the trees start, how wide a level's index is and what an entry means."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from grade.walker.entry import PERMISSIONS, Decoded, Field
from grade.walker.memory import OutsideMemory, PhysicalMemory
from grade.walker.model import Attributes

PAGE_BITS = 12  # all four formats have pages of 4 KiB


@dataclass(frozen=True)
class Window:
    """A range [low, high) of virtual addresses that one root translates.

    Formats with a hole in the middle have two windows; on x86_64 and RISC-V both start from the same root.
    `entries` is the number of entries in the root's table. `fault` says why no walk is made, if none is.
    """

    half: str
    low: int
    high: int
    root: int
    top: int
    entries: int
    fault: str | None = None
    detail: str = ""


class Format(ABC):
    """What one format says about the page tables that `registers` (names to values) point to in `memory`."""

    isa: ClassVar[str]
    table_names: ClassVar[tuple[str, ...]] = ()
    """The names of docs/levels.md for the tables, by level."""
    index_bits: ClassVar[int] = 9
    entry_bytes: ClassVar[int] = 8
    halves: ClassVar[tuple[str, ...]] = ("root",)
    outside: ClassVar[str] = "non-canonical"  # the fault of an address in no window

    def __init__(self, memory: PhysicalMemory, registers: dict[str, int]) -> None:
        self.memory = memory
        self.registers = dict(registers)
        self.windows = self._windows()

    @abstractmethod
    def _windows(self) -> tuple[Window, ...]:
        """Returns the windows in order of address; called once, with self.registers set."""

    @abstractmethod
    def translation_on(self) -> bool:
        """Returns whether the registers turn on the kind of paging that this class reads."""

    @abstractmethod
    def with_root(self, root: int, half: str | None = None) -> Self:
        """Returns a walker of the same memory and registers except the root (aarch64: of `half`, 'low' if None)."""

    @abstractmethod
    def entry_name(self, level: int) -> str:
        """Returns what the manual calls an entry of this level."""

    @abstractmethod
    def decode(self, level: int, entry: int) -> Decoded:
        """Returns what `entry` is in a table of `level`."""

    @abstractmethod
    def table_address(self, entry: int) -> int:
        """Returns where the table is to which a table entry points."""

    @abstractmethod
    def page_address(self, level: int, entry: int) -> int:
        """Returns where the page is to which a leaf points."""

    @abstractmethod
    def frame_bits(self, level: int) -> int:
        """Returns the bits of a leaf of `level` that only say where the page is: decode() ignores them."""

    @abstractmethod
    def attributes(self, level: int, entry: int, grants: int) -> Attributes:
        """Returns what a Mapping says about a leaf whose path lets `grants` through."""

    @abstractmethod
    def fields(self, level: int, kind: str) -> tuple[Field, ...]:
        """Returns the named fields of an entry of this kind."""

    @property
    def physical_bits(self) -> int:
        """The width of a physical address, where the registers tell of one; else that of any number."""
        return 64

    @classmethod
    def shift(cls, level: int) -> int:
        """Returns the lowest bit of a va that the index into a table of `level` uses."""
        return PAGE_BITS + level * cls.index_bits

    def read_table(self, table: int, count: int) -> tuple[int, ...] | None:
        """Returns the table's entries, or None if it is not in memory."""
        try:
            data = self.memory.read(table, count * self.entry_bytes)
        except OutsideMemory:
            return None
        return struct.unpack(f"<{count}{'Q' if self.entry_bytes == 8 else 'I'}", data)

    def shape(self, level: int, entry: int, grants: int, path: tuple[tuple[int, int], ...]) -> dict[str, Any]:
        """Returns all fields of a leaf's Mapping that do not depend on frame_bits().

        `path` has (level, rights taken away) for every table entry above that takes any away.
        """
        allowed = grants
        for _, taken in path:
            allowed &= ~taken
        restricting = tuple(above for above, taken in path if grants & taken & PERMISSIONS)
        where = {"size": 1 << self.shift(level), "level": level, "restricted_by": restricting}
        return {"read": True, **self.attributes(level, entry, allowed), **where}
