"""The walk that all formats share: a radix tree of tables, read one entry per level.

A format (format.py) says where the trees start, how wide a level's index is and what an entry means. This module is
the rest: one address (walk), all pages (mappings), all tables (tables). Every walk is at most as long as the tree is
deep, so no entry, however wrong, makes it loop.
"""

from __future__ import annotations

from collections.abc import Iterator

from grade.walker.entry import EVERYTHING, Decoded
from grade.walker.format import PAGE_BITS, Format, Window
from grade.walker.memory import OutsideMemory
from grade.walker.model import Mapping, Step, Walk
from grade.walker.traversal import Traversal


class RadixWalker(Format):
    """Walks the page tables that `registers` (names to values) point to in `memory`."""

    # ---- one address ----

    def walk(self, va: int) -> Walk:
        """Returns how `va` translates for a read by the kernel; permissions do not make it a fault."""
        if not self.translation_on():
            return Walk(va, None, (), None, "translation-off")
        window = self._window_of(va)
        if window is None:
            return Walk(va, None, (), None, self.outside)
        if window.fault is not None:
            return Walk(va, window.root, (), None, window.fault, window.detail)
        return self._descend(window, va)

    def would_fault(self, va: int, access: str, user: bool) -> str | None:
        """Returns why an access ('read', 'write' or 'execute') faults: one of FAULTS or REFUSALS, or None.

        Protection that the kernel lifts around its own accesses to user memory (SMAP, PAN, SUM) is taken as lifted.
        """
        if access not in ("read", "write", "execute"):
            raise ValueError(f"access is read, write or execute, not {access!r}")
        walk = self.walk(va)
        if walk.fault is not None:
            return walk.fault
        return user_refusal(walk.page, access) if user else kernel_refusal(walk.page, access)

    def parts(self, va: int) -> list[tuple[int, int]]:
        """Returns (level, index) from the root down; empty if `va` is in no window."""
        window = self._window_of(va)
        if window is None:
            return []
        return [(level, self._index(window, level, va)) for level in range(window.top, -1, -1)]

    def root_slots(self, window: Window) -> dict[int, int]:
        """Returns the entries of the root's table that are for `window`: index -> the first address that it translates."""
        size = 1 << self.shift(window.top)
        return {self._index(window, window.top, va): va for va in range(window.low, window.high, size)}

    def page_offset(self, va: int) -> int:
        """Returns the part of `va` below a 4 KiB page."""
        return va & (1 << PAGE_BITS) - 1

    # ---- all of them ----

    def roots(self) -> dict[str, int]:
        """Returns the address of the root in the registers, by half, whether or not translation is on."""
        return {window.half: window.root for window in self.windows}

    def mappings(
        self, root: int | None = None, low: int | None = None, high: int | None = None, half: str | None = None
    ) -> Iterator[Mapping]:
        """Yields every page that has a byte in [low, high), in order of va; none if translation is off.

        Arm's pages with AF=0 are included. `root` replaces the register (aarch64: of `half`, 'low' if None, and only
        that half is enumerated).
        A table that is reached twice is enumerated twice, as the processor sees it, including self-references.
        Raises TooManyTables instead of going on for ever.
        """
        walker = self if root is None else self.with_root(root, half)
        traversal = Traversal(walker, 0 if low is None else low, 1 << 64 if high is None else high)
        for window in walker._active_windows(root, half):
            yield from traversal.pages(window)

    def defects(self, root: int | None = None, half: str | None = None) -> Iterator[Walk]:
        """Yields the walk to every entry that is neither empty nor usable: reserved, of a wrong type, unreadable.

        mappings() and tables() skip these. Raises TooManyTables as mappings() does.
        """
        walker = self if root is None else self.with_root(root, half)
        traversal = Traversal(walker, 0, 1 << 64)
        for window in walker._active_windows(root, half):
            for _ in traversal.pages(window):
                pass
        yield from map(walker.walk, traversal.unusable)

    def tables(self, root: int | None = None, half: str | None = None) -> dict[int, int]:
        """Returns address -> level of every table in memory that can be reached, including the roots.

        A table in use at several levels has the highest. `root` and `half` are as in mappings().
        """
        walker = self if root is None else self.with_root(root, half)
        found: dict[int, int] = {}
        starts = {(window.root, window.top, window.entries) for window in walker._active_windows(root, half)}
        for table, top, count in starts:
            walker._tables_below(table, top, count, found, set())
        return found

    def tables_under(self, va: int) -> dict[int, int]:
        """Returns address -> level of the root of `va` and of every table below the root's entry for `va`."""
        first = self.walk(va).steps[0]
        found = {first.table: first.level}
        if first.kind == "table":
            self._tables_below(self.table_address(first.word), first.level - 1, 1 << self.index_bits, found, set())
        return found

    # ---- within a walk ----

    def _active_windows(self, root: int | None, half: str | None) -> list[Window]:
        """Returns the windows that can be walked: all of them, or of one half if `root` or `half` was given."""
        if root is not None and half is None:
            half = self.halves[0]
        if half is not None and half not in self.halves:
            raise ValueError(f"{self.isa} has no half {half!r}, only {', '.join(self.halves)}")
        if not self.translation_on():
            return []
        return [window for window in self.windows if window.fault is None and half in (None, window.half)]

    def _window_of(self, va: int) -> Window | None:
        return next((window for window in self.windows if window.low <= va < window.high), None)

    def _index(self, window: Window, level: int, va: int) -> int:
        count = window.entries if level == window.top else 1 << self.index_bits
        return va >> self.shift(level) & count - 1

    def _descend(self, window: Window, va: int) -> Walk:
        steps: list[Step] = []
        path: tuple[tuple[int, int], ...] = ()
        table = window.root
        for level in range(window.top, -1, -1):
            step, decoded = self._step(level, table, self._index(window, level, va))
            steps.append(step)
            if decoded.kind == "leaf":
                page = self._page(step, decoded, path, va)
                return Walk(va, window.root, tuple(steps), page, decoded.fault, decoded.detail)
            if decoded.kind != "table":
                return Walk(va, window.root, tuple(steps), None, decoded.fault, decoded.detail)
            if decoded.grants != EVERYTHING:
                path += ((level, EVERYTHING & ~decoded.grants),)
            table = self.table_address(step.word)
        raise AssertionError(f"{self.isa}: decode() calls an entry of level 0 a table")

    def _step(self, level: int, table: int, index: int) -> tuple[Step, Decoded]:
        address = table + index * self.entry_bytes
        name = self.entry_name(level)
        try:
            entry = int.from_bytes(self.memory.read(address, self.entry_bytes), "little")
        except OutsideMemory:
            unreadable = Decoded("unreadable", fault="table-outside-memory")
            return Step(level, table, index, address, None, "unreadable", (), name), unreadable
        decoded = self.decode(level, entry)
        return Step(level, table, index, address, entry, decoded.kind, self.fields(level, decoded.kind), name), decoded

    def _page(self, step: Step, decoded: Decoded, path: tuple[tuple[int, int], ...], va: int) -> Mapping:
        shape = self.shape(step.level, step.word, decoded.grants, path)
        pa = self.page_address(step.level, step.word)
        start = va & -(1 << self.shift(step.level))
        return Mapping(va=start, pa=pa, entry=step.word, entry_address=step.entry_address, **shape)

    def _tables_below(self, table: int, level: int, count: int, found: dict[int, int], seen: set[tuple[int, int]]) -> None:
        """Adds `table` and all tables below it to `found`; `seen` has (table, level) and ends every loop."""
        if (table, level) in seen:
            return
        seen.add((table, level))
        entries = self.read_table(table, count)
        if entries is None:
            return
        found[table] = max(level, found.get(table, 0))
        if level == 0:
            return
        for entry in filter(None, entries):
            if self.decode(level, entry).kind == "table":
                self._tables_below(self.table_address(entry), level - 1, 1 << self.index_bits, found, seen)


def kernel_refusal(page: Mapping, access: str) -> str | None:
    """Returns why the kernel's access to a mapped page is refused, or None."""
    if access == "read":
        return None if page.read else "no-read"
    if access == "write":
        return None if page.write else "no-write"
    if page.kernel_execute:
        return None
    return "kernel-execute-denied" if page.user_execute else "no-execute"


def user_refusal(page: Mapping, access: str) -> str | None:
    """Returns why user mode's access to a mapped page is refused, or None."""
    if not page.user:
        return "user-denied"
    allowed = {"read": page.user_read, "write": page.user_write, "execute": page.user_execute}[access]
    if allowed:
        return None
    # An execute-only page: RISC-V has it without R for anyone, Arm with AP[1]=0 for user mode alone.
    if not page.user_read and page.read:
        return "user-denied"
    return f"no-{access}"
