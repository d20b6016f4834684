"""Everything that a root maps, as ranges with names and permissions, and what is wrong with them at first sight."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice

from grade.boot.sight import Sight
from grade.inspect.names import Names, is_users
from grade.inspect.spaces import Space, walker_of
from grade.walker import Mapping, Range, TooManyTables, coalesce
from grade.walker.explain import letters, size_text

_DEVICE = "device"


@dataclass(frozen=True)
class NamedRange:
    """A range with one name. `accessed` and `dirty` count its leaves that the CPU has marked so; None if it never does."""

    range: Range
    name: str
    accessed: int
    dirty: int | None
    warnings: tuple[str, ...]


@dataclass(frozen=True)
class AddressSpaceMap:
    """What a root maps; `problem` says why the enumeration ended early, or why there is none.

    `unusable` counts the entries on the way that are neither empty nor usable.
    """

    space: Space
    ranges: tuple[NamedRange, ...]
    problem: str = ""
    unusable: int = 0


def map_of(guest: Sight, space: Space, low: int = 0, high: int = 1 << 64, most: int | None = None) -> AddressSpaceMap:
    """Returns what is mapped from `low` to `high` with the space's root loaded, in order of address; at most `most` pages.

    Never raises for wrong tables.
    """
    walker = walker_of(guest, space)
    if not walker.translation_on():
        return AddressSpaceMap(space, (), "translation is off: each address is a physical one")
    found: list[Mapping] = []
    problem, unusable = "", 0
    try:
        found.extend(islice(walker.mappings(low=low, high=high), most))
        if len(found) == most:
            return AddressSpaceMap(
                space, tuple(_named(guest, Names(guest, space), found)), f"not shown: what follows the first {most} pages"
            )
        unusable = sum(low <= walk.va < high for walk in walker.defects())
    except TooManyTables as error:
        problem = f"the tables have no end: {error}"
    return AddressSpaceMap(space, tuple(_named(guest, Names(guest, space), found)), problem, unusable)


def _named(guest: Sight, names: Names, pages: Iterable[Mapping]) -> Iterator[NamedRange]:
    for name, group in groupby(pages, key=names.of_mapping):
        same = list(group)
        leaves = iter(same)
        for part in coalesce(same):
            mine = [next(leaves) for _ in range(part.pages)]
            dirty = None if mine[0].dirty is None else sum(bool(page.dirty) for page in mine)
            warnings = tuple(warnings_of(guest, part))
            yield NamedRange(part, name, sum(page.accessed for page in mine), dirty, warnings)


def warnings_of(guest: Sight, part: Range) -> Iterator[str]:
    """Yields what no kernel of this course maps on purpose."""
    user = part.user_read or part.user_write or part.user_execute
    if part.write and part.kernel_execute or part.user_write and part.user_execute:
        yield "W+X"
    if user and not is_users(guest, part.va):
        yield "user in the kernel's half"
    if part.va == 0:
        yield "page 0"
    region = guest.layout.region_at(part.pa)
    if region is not None and region.device and part.memory != _DEVICE:
        yield f"a device as {part.memory} memory"


def map_lines(found: AddressSpaceMap) -> list[str]:
    """Returns the ranges as a table, one line each, under a line that says whose they are."""
    lines = [f"{found.space.label}, root {found.space.root:#x}"]
    for entry in found.ranges:
        part = entry.range
        marks = f"A {entry.accessed}" + ("" if entry.dirty is None else f" D {entry.dirty}") + f" of {part.pages}"
        line = (
            f"{part.va:016x}-{part.end - 1:016x} {part.pa:#013x} {size_text(part.size):>8} {_permissions(part)} "
            f"{part.memory:7} {marks:16} {entry.name}"
        )
        lines.append((line.rstrip() + "".join(f"  <-- {warning}" for warning in entry.warnings)))
    if found.unusable:
        lines.append(f"and {found.unusable} entries that the CPU would not accept: pt -lint")
    if found.problem:
        lines.append(found.problem)
    elif not found.ranges:
        lines.append("nothing is mapped")
    return lines


def _permissions(part: Range) -> str:
    """Returns the kernel's and the user's permissions: `rw- ---`; G if the TLB keeps it across roots."""
    kernel = letters(part.read, part.write, part.kernel_execute)
    user = letters(part.user_read, part.user_write, part.user_execute)
    return f"{kernel} {user} {'G' if part.global_ else ' '}"


HEADER = "first            last             to            size     kernel user G memory  marks            what"
"""The line above the table of map_lines()."""
