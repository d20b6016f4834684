"""Tables made by hand for the walker's tests: entries are put one by one, and built from a model."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from grade.walker import MappedMemory


@dataclass
class Tables:
    """RAM of `size` bytes from physical address `base` on, all zero until put() writes an entry."""

    base: int = 0
    size: int = 0x40000
    entry_bytes: int = 8
    ram: bytearray = field(init=False)

    def __post_init__(self) -> None:
        self.ram = bytearray(self.size)

    @property
    def memory(self) -> MappedMemory:
        return MappedMemory(self.ram, self.base)

    def put(self, table: int, index: int, entry: int) -> None:
        """Writes the entry number `index` of the table at `table`."""
        at = table - self.base + index * self.entry_bytes
        self.ram[at : at + self.entry_bytes] = entry.to_bytes(self.entry_bytes, "little")

    def get(self, table: int, index: int) -> int:
        """Returns the entry number `index` of the table at `table`."""
        at = table - self.base + index * self.entry_bytes
        return int.from_bytes(self.ram[at : at + self.entry_bytes], "little")


@dataclass
class Builder:
    """Builds tables that map what a model says, with as little knowledge as a format needs: how to write an entry."""

    tables: Tables
    root: int
    top: int
    index_bits: int
    table_entry: Callable[[int], int]  # (address) -> entry
    leaf_entry: Callable[[int, frozenset[str], int], int]  # (pa, flags, level) -> entry
    next_table: int = 0

    def __post_init__(self) -> None:
        self.next_table = self.root + 0x1000
        self.points_to: dict[tuple[int, int], int] = {}

    def map(self, va: int, pa: int, flags: frozenset[str], level: int) -> bool:
        """Writes the entries for one page; returns False, and maps nothing, where something else is mapped."""
        table = self.root
        for above in range(self.top, level, -1):
            index = self._index(va, above)
            if (table, index) not in self.points_to:
                if self.tables.get(table, index):
                    return False
                self.points_to[table, index] = self.next_table
                self.tables.put(table, index, self.table_entry(self.next_table))
                self.next_table += 0x1000
            table = self.points_to[table, index]
        if self.tables.get(table, self._index(va, level)):
            return False
        self.tables.put(table, self._index(va, level), self.leaf_entry(pa, flags, level))
        return True

    def _index(self, va: int, level: int) -> int:
        return (va >> (12 + level * self.index_bits)) % (1 << self.index_bits)
