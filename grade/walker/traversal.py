"""All pages under a root, fast: a root with 30 tables has 15,000 entries, and a grader examines many roots."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import compress
from typing import Any

from grade.walker.entry import EVERYTHING
from grade.walker.format import Format, Window
from grade.walker.model import Mapping, TooManyTables

# Tables visited in one enumeration, and visits of one of them at one level. 2 GiB in 4 KiB pages, mapped twice, is
# 2,054 visits; a table shared by an identity map, a high half and a boot map is visited three times.
MOST_VISITS = 8192
MOST_VISITS_OF_ONE = 32

Path = tuple[tuple[int, int], ...]  # (level, rights taken away), see Format.shape()


class Traversal:
    """One enumeration of the pages in [low, high). Afterwards `unusable` has the va of each unusable entry.

    Entries that differ only in where their page is share one decoding: `_shapes` has it by (path, level) and then
    by the entry without its frame_bits().
    """

    def __init__(self, walker: Format, low: int, high: int) -> None:
        self.unusable: list[int] = []
        self._walker = walker
        self._low = low
        self._high = high
        self._visits: Counter[tuple[int, int]] = Counter()  # by (table, level)
        self._total = 0
        self._shapes: dict[tuple[Path, int], dict[int, dict[str, Any]]] = {}

    def pages(self, window: Window) -> Iterator[Mapping]:
        """Yields the window's pages in order of va."""
        low, high = max(self._low, window.low), min(self._high, window.high)
        if low >= high:
            return
        shift = self._walker.shift(window.top)
        first_index = window.low >> shift & window.entries - 1
        base = window.low - (first_index << shift)
        entries = self._read(window.top, window.root, window.entries)
        if entries is None:
            self.unusable.append(window.low)
            return
        yield from self._below(window.top, window.root, entries, base, (low, high), ())

    def _read(self, level: int, table: int, count: int) -> tuple[int, ...] | None:
        self._total += 1
        self._visits[table, level] += 1
        if self._total > MOST_VISITS or self._visits[table, level] > MOST_VISITS_OF_ONE:
            raise TooManyTables(
                f"tables share or point to each other without end: {self._total} visited, "
                f"the one at {table:#x} {self._visits[table, level]} times at level {level}"
            )
        return self._walker.read_table(table, count)

    def _below(
        self, level: int, table: int, entries: tuple[int, ...], base: int, span: tuple[int, int], path: Path
    ) -> Iterator[Mapping]:
        """Yields the pages of a table whose entry 0 translates `base`."""
        walker = self._walker
        shift, shapes = walker.shift(level), self._shapes.setdefault((path, level), {})
        first = max(0, span[0] - base >> shift)
        last = min(len(entries), (span[1] - base - 1 >> shift) + 1)
        frame_bits, entry_bytes = walker.frame_bits(level), walker.entry_bytes
        for index in compress(range(first, last), entries[first:last]):
            entry = entries[index]
            va = base + (index << shift)
            shape = shapes.get(entry & ~frame_bits)
            if shape is None:
                decoded = walker.decode(level, entry)
                if decoded.kind == "table":
                    taken = EVERYTHING & ~decoded.grants
                    below = path + ((level, taken),) if taken else path
                    yield from self._follow(level - 1, walker.table_address(entry), va, span, below)
                elif decoded.kind == "reserved":
                    self.unusable.append(va)
                if decoded.kind != "leaf":
                    continue
                shape = shapes[entry & ~frame_bits] = walker.shape(level, entry, decoded.grants, path)
            yield Mapping.stamped(shape, va, walker.page_address(level, entry), entry, table + index * entry_bytes)

    def _follow(self, level: int, table: int, base: int, span: tuple[int, int], path: Path) -> Iterator[Mapping]:
        entries = self._read(level, table, 1 << self._walker.index_bits)
        if entries is None:
            self.unusable.append(base)
            return
        yield from self._below(level, table, entries, base, span, path)
