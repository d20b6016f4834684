"""The tables of all roots as short lists of runs, decoded, so that a page can walk them without a format."""

import json
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from grade.inspect.spaces import Space
from grade.walker import RadixWalker
from grade.walker.format import PAGE_BITS, Window

MOST_BYTES = 900_000  # of JSON: with all the rest the file stays below 2 MB
_KINDS = ("leaf", "table", "reserved", "empty")


class Run(NamedTuple):
    """Consecutive entries of a table that are alike; a list in JSON.

    The entry and the address are hexadecimal: JSON's numbers cannot hold 64 bits everywhere.
    """

    first: int
    """The index of the first entry."""
    many: int
    entry: str
    """The first entry itself."""
    step: int
    """How much each entry exceeds the one before."""
    kind: str
    to: str
    """Where the first entry leads."""
    reason: int
    """The number of a sentence in Tables.reasons, -1 for none."""


@dataclass(slots=True)
class _Growing:
    """A run that may still become longer, or still learn its step."""

    first: int
    many: int
    entry: int
    step: int
    kind: str
    to: str
    reason: int

    def done(self) -> Run:
        """Returns the run as it is now."""
        return Run(self.first, self.many, f"{self.entry:x}", self.step, self.kind, self.to, self.reason)


@dataclass
class Tables:
    """The runs by `address.level`, both as in the runs. None is a table that is not in memory."""

    runs: dict[str, list[Run] | None] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    left_out: int = 0
    """How many tables are missing because the file would become too large."""


@dataclass(frozen=True)
class Level:
    """Everything about one level of the tables. `fields`: by kind of entry, name, low, width, meanings."""

    level: int
    low: int
    table: str
    entry: str
    fields: dict[str, list[tuple[str, int, int, tuple[str, ...]]]]


def levels_of(walker: RadixWalker, top: int) -> list[Level]:
    """Returns all levels, level 0 first."""
    found = []
    for level in range(top + 1):
        fields = {kind: [(one.name, one.low, one.width, one.meanings) for one in walker.fields(level, kind)] for kind in _KINDS}
        name = walker.table_names[level] if level < len(walker.table_names) else "table"
        found.append(Level(level, walker.shift(level), name, walker.entry_name(level), fields))
    return found


def tables_of(walkers: Iterable[tuple[Space, RadixWalker]], first: int) -> Tables:
    """Returns every table that a root leads to, from the top down; those on the way to the address `first` come first."""
    reader = _Reader()
    todo: deque[tuple[RadixWalker, int, int, int]] = deque()
    for _, walker in walkers:
        for window in walker.windows:
            if window.fault is None and walker.translation_on():
                todo.append((walker, window.top, window.root, window.entries))
                reader.read_path(walker, window, first)
    while todo:
        todo.extend(reader.read(*todo.popleft()))
    return reader.tables


class _Reader:
    """Reads each table once at each level; stops when there is no more room."""

    def __init__(self) -> None:
        self.tables = Tables()
        self._bytes = 0
        self._followed: set[str] = set()
        self._decoded: dict[tuple[str, int, int], tuple[str, int]] = {}

    def read_path(self, walker: RadixWalker, window: Window, va: int) -> None:
        if not window.low <= va < window.high:
            return
        for step in walker.walk(va).steps:
            count = window.entries if step.level == window.top else 1 << walker.index_bits
            self._runs(walker, step.level, step.table, count)

    def read(self, walker: RadixWalker, level: int, table: int, count: int) -> list[tuple[RadixWalker, int, int, int]]:
        """Reads one table; returns those to which it leads."""
        key = _key(table, level)
        if key in self._followed:
            return []
        self._followed.add(key)
        runs = self._runs(walker, level, table, count)
        below: dict[int, None] = {}
        for run in runs or ():
            if run.kind == "table":
                to = int(run.to, 16)
                below |= dict.fromkeys(range(to, to + run.many * run.step, run.step) if run.step else [to])
        return [(walker, level - 1, address, 1 << walker.index_bits) for address in below]

    def _runs(self, walker: RadixWalker, level: int, table: int, count: int) -> list[Run] | None:
        key = _key(table, level)
        if key in self.tables.runs:
            return self.tables.runs[key]
        if self._bytes > MOST_BYTES:
            self.tables.left_out += 1
            return None
        entries = walker.read_table(table, count)
        runs = self._runs_of(walker, level, entries) if entries is not None else None
        self.tables.runs[key] = runs
        self._bytes += len(json.dumps(runs))
        return runs

    def _runs_of(self, walker: RadixWalker, level: int, entries: tuple[int, ...]) -> list[Run]:
        runs: list[_Growing] = []
        last, same = 0, None
        page = 1 << walker.shift(level)
        for index, entry in enumerate(entries):
            if not entry:
                same = None
                continue
            kind, reason = self._decode(walker, level, entry)
            if same == (kind, reason) and kind != "reserved":
                step, run = entry - last, runs[-1]
                if run.many == 1 and step in (0, page if kind == "leaf" else 1 << PAGE_BITS):
                    run.step = step
                if step == run.step and (step or run.many > 1 or entry == last):
                    run.many += 1
                    last = entry
                    continue
            runs.append(_Growing(index, 1, entry, 0, kind, self._target(walker, level, kind, entry), reason))
            last, same = entry, (kind, reason)
        return [run.done() for run in runs]

    def _decode(self, walker: RadixWalker, level: int, entry: int) -> tuple[str, int]:
        """Returns kind and reason, decoded once for all entries that differ only in where they lead."""
        key = (walker.isa, level, entry & ~walker.frame_bits(level))
        if key not in self._decoded:
            decoded = walker.decode(level, entry)
            reason = -1
            if decoded.fault is not None and (decoded.kind != "empty" or decoded.detail):
                words = decoded.fault + (f": {decoded.detail}" if decoded.detail else "")
                if words not in self.tables.reasons:
                    self.tables.reasons.append(words)
                reason = self.tables.reasons.index(words)
            self._decoded[key] = decoded.kind, reason
        return self._decoded[key]

    @staticmethod
    def _target(walker: RadixWalker, level: int, kind: str, entry: int) -> str:
        if kind == "table":
            return f"{walker.table_address(entry):x}"
        return f"{walker.page_address(level, entry):x}" if kind == "leaf" else ""


def _key(table: int, level: int) -> str:
    return f"{table:x}.{level}"
