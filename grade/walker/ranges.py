"""Neighbouring pages as ranges, so that a person can read a whole address space."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from operator import attrgetter

from grade.walker.explain import permission_text, size_text
from grade.walker.model import Mapping

# What neighbours must have in common, in the order of Range's fields.
_permits = attrgetter(
    "read", "write", "kernel_execute", "user_read", "user_write", "user_execute", "global_", "memory"
)  # fmt: skip


@dataclass(frozen=True)
class Range:
    """`size` bytes from `va` on, mapped without a gap to `pa` on, by `pages` leaves with the same permissions."""

    va: int
    pa: int
    size: int
    pages: int
    read: bool
    write: bool
    kernel_execute: bool
    user_read: bool
    user_write: bool
    user_execute: bool
    global_: bool
    memory: str

    @property
    def end(self) -> int:
        """The first virtual address after the range."""
        return self.va + self.size

    def __str__(self) -> str:
        scope = "global" if self.global_ else "local"
        where = f"{self.va:#018x}-{self.end:#018x} -> {self.pa:#014x}"
        return f"{where}  {size_text(self.size):>9}  {permission_text(self)}  {self.memory:<19}  {scope}"


def coalesce(mappings: Iterable[Mapping]) -> list[Range]:
    """Returns the mappings, given in order of va, with neighbours merged.

    Neighbours have contiguous va and pa and the same permissions, memory and global_; the size of their pages,
    accessed and dirty may differ.
    """
    ranges: list[Range] = []
    first: Mapping | None = None
    alike: tuple[object, ...] = ()
    end, pages = 0, 0
    for page in mappings:
        permits = _permits(page)
        if first is not None and page.va == end and page.pa - first.pa == end - first.va and permits == alike:
            end, pages = page.va + page.size, pages + 1
            continue
        if first is not None:
            ranges.append(_range(first, end, pages))
        first, alike, end, pages = page, permits, page.va + page.size, 1
    if first is not None:
        ranges.append(_range(first, end, pages))
    return ranges


def _range(first: Mapping, end: int, pages: int) -> Range:
    return Range(first.va, first.pa, end - first.va, pages, *_permits(first))
