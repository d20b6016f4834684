"""What is wrong with the address spaces of a guest, as far as one look can tell, whatever its lab."""

from collections.abc import Iterable, Iterator
from contextlib import suppress

from grade.boot.layout import PAGE
from grade.boot.process_slots import MemoryMap, memory_map
from grade.boot.sight import Sight
from grade.inspect.frames import frame_findings
from grade.inspect.map_text import AddressSpaceMap, map_of
from grade.inspect.needs import is_set_up, needs_of_cpu, pages_of, regions_of
from grade.inspect.spaces import Space, spaces, walker_of
from grade.results.failure import Failure
from grade.walker import Mapping, TooManyTables

_MOST = 8  # findings of one kind that are shown for one space
_OF_KERNEL = ("the kernel's", "a kernel stack")  # the ledger's words for what is the kernel's


def lint(guest: Sight, of: list[Space] | None = None) -> list[str]:
    """Returns one line for each finding, most telling first; empty if there is none. `of` limits it to these spaces."""
    found: list[str] = []
    every = spaces(guest) if of is None else of
    if of is None:
        found += needs_of_cpu(guest)
    for space in every:
        for check in (_defects, _ranges, _guards, _promises, _regions, _pages):
            found += _first(check(guest, space), f"{space.label}: ")
    return found + _first(_written_by_two(guest, every)) + list(_kernel_halves(guest, every)) + _frames(guest, every)


def _first(findings: Iterable[str], of: str = "") -> list[str]:
    lines = list(findings)
    return lines[:_MOST] + ([f"{of}... and {len(lines) - _MOST} more"] if len(lines) > _MOST else [])


def _defects(guest: Sight, space: Space) -> Iterator[str]:
    """Yields entries that are neither empty nor usable."""
    try:
        for walk in walker_of(guest, space).defects():
            step = walk.steps[-1]
            entry = "unreadable" if step.entry is None else f"{step.entry:#x}"
            why = f"{walk.fault}" + (f", {walk.detail}" if walk.detail else "")
            yield f"{space.label}: {step.name}[{step.index}] at {step.entry_address:#x} = {entry}, for {walk.va:#x}: {why}"
    except TooManyTables as error:
        yield f"{space.label}: the tables have no end: {error}"


def _ranges(guest: Sight, space: Space) -> Iterator[str]:
    found: AddressSpaceMap = map_of(guest, space)
    for entry in found.ranges:
        for warning in entry.warnings:
            yield f"{space.label}: {entry.range.va:#x}-{entry.range.end:#x} {entry.name}: {warning}"


def _guards(guest: Sight, space: Space) -> Iterator[str]:
    walker = walker_of(guest, space)
    if not walker.translation_on():
        return
    for guard in guest.layout.guards:
        va = guard.pa + guest.offset if guard.name != "page-0" else 0
        for page in range(va, va + guard.size, PAGE):
            if walker.walk(page).mapping is not None:
                yield f"{space.label}: {page:#x} is mapped, and is in the {guard.name}"
                break


def _regions(guest: Sight, space: Space) -> Iterator[str]:
    """Yields what the root lacks of the kernel; where users' roots have nothing of it, that is one question for all."""
    has_kernel = "high" not in guest.walker().halves or space.slot is None or space.slot.pid == 0
    if is_set_up(guest) and has_kernel:
        yield from _as_far_as_tables_end(regions_of(guest, space))


def _pages(guest: Sight, space: Space) -> Iterator[str]:
    if is_set_up(guest):
        yield from _as_far_as_tables_end(pages_of(guest, space))


def _as_far_as_tables_end(findings: Iterator[str]) -> Iterator[str]:
    with suppress(TooManyTables):  # _defects() reports it
        yield from findings


def _promises(guest: Sight, space: Space) -> Iterator[str]:
    """Yields pages that a process has and was not promised, or with more rights than promised."""
    if space.slot is None or space.slot.map is None or not space.slot.pid:
        return
    try:
        areas: MemoryMap = memory_map(guest, space.slot)
        pages = list(walker_of(guest, space).mappings(space.root, 0, guest.isa.paging.user_end))
    except (Failure, TooManyTables) as error:
        yield f"{space.label}: {error}"
        return
    for page in pages:
        area = areas.area_of(page.va)
        if page.user and area is None:
            yield f"{space.label}: {page.va:#x} is mapped, and in none of its areas"
        elif area is not None and (more := more_than(page, area.protection)):
            yield f"{space.label}: {page.va:#x} can be {more}, and its area is {area}"


def _written_by_two(guest: Sight, every: list[Space]) -> Iterator[str]:
    """Yields frames that two processes can write to: one would see what the other writes, and no memory is shared here."""
    writers: dict[int, tuple[Space, int]] = {}
    for space in every:
        if space.slot is None or not space.slot.pid:
            continue
        try:
            pages = [
                page for page in walker_of(guest, space).mappings(space.root, 0, guest.isa.paging.user_end) if page.user_write
            ]
        except TooManyTables:
            continue  # _defects() reports it
        for page in pages:
            other, va = writers.setdefault(page.pa, (space, page.va))
            if other is not space:
                yield f"{space.label}: {page.va:#x} can be written, and its frame {page.pa:#x} by {other.label}, too, at {va:#x}"


def has_unpromised_pages(guest: Sight) -> bool:
    """Returns whether some process has a page that is in none of its areas."""
    for space in spaces(guest):
        if space.slot is None or space.slot.map is None or not space.slot.pid:
            continue
        areas, pages = memory_map(guest, space.slot), walker_of(guest, space).mappings(space.root, 0, guest.isa.paging.user_end)
        if any(page.user and areas.area_of(page.va) is None for page in pages):
            return True
    return False


def more_than(page: Mapping, protection: str) -> str:
    """Returns what a user may do with a page beyond its area's protection; empty if nothing."""
    rights = {"r": ("read", page.user_read), "w": ("written", page.user_write), "x": ("executed", page.user_execute)}
    # A page that the hardware cannot keep from being read is no finding.
    return " and ".join(word for letter, (word, may) in rights.items() if may and letter not in protection and letter != "r")


def _kernel_halves(guest: Sight, every: list[Space]) -> Iterator[str]:
    """Yields differences: if one root serves both halves, the kernel's entries must be the same in all."""
    walker = guest.walker()
    if "high" in walker.halves or not guest.offset or not walker.translation_on() or len(every) < 2:
        return
    upper = walker.windows[-1]
    first, *others = ((space, walker.read_table(space.root, upper.entries)) for space in every)
    for space, entries in others:
        for index in walker.root_slots(upper):
            if entries is None or first[1] is None:
                yield f"{space.label}: its root {space.root:#x} cannot be read"
                break
            if (entries[index] ^ first[1][index]) & ~guest.isa.paging.set_by_cpu:
                yield f"{space.label}: entry {index} of its root is {entries[index]:#x}; {first[0].label} has {first[1][index]:#x}"


def _frames(guest: Sight, every: list[Space]) -> list[str]:
    """Returns frames of these spaces that are free all the same, or have fewer shares than things that lead to them."""
    found = frame_findings(guest)
    slots = [space.slot for space in every if space.slot is not None]
    names = [name for slot in slots for name in ([str(slot)] if slot.pid else _OF_KERNEL)]
    odd = [str(one) for one in (*found.freed, *found.short) if any(name in words for words in one.owners for name in names)]
    return _first(odd)
