"""What the kernel's half may map, in any root: the kernel's regions, its stacks and its windows, and nothing else.

That all of it is mapped is the business of map_checks.py; here the question is whether something more is.
"""

from collections.abc import Iterable, Sequence
from typing import NoReturn

from grade.guest.guest import Guest
from grade.isa.board import Region
from grade.results.failure import expect, fail
from grade.walker import Mapping, RadixWalker, Range, Walk, coalesce

Span = tuple[int, int]
"""Virtual addresses from the first on up to the second."""


def check_nothing_else(
    guest: Guest, walker: RadixWalker, mappings: Iterable[Mapping], stacks: Iterable[range] = (), guards: bool = True
) -> None:
    """Checks that the leaves of the kernel's half cover no more than its regions, `stacks`, and the temporary mappings.

    The guards below the regions' stacks, and page 0, count as allowed without `guards`: another milestone judges them.
    """
    __tracebackhide__ = True
    spans = _allowed(guest, stacks, () if guards else guest.layout.guards)
    for mapped in coalesce(mappings):
        if (outside := first_outside(spans, (mapped.va, mapped.va + mapped.size))) is not None:
            _fail_for_excess(guest, walker, mapped, outside)


def _allowed(guest: Guest, stacks: Iterable[range], more: Sequence[Region]) -> list[Span]:
    """Returns what may be mapped, in order of address."""
    offset_of, slots = guest.layout.offset_of, guest.layout.temp_slots
    regions = (*guest.layout.regions, *more)
    linear = [(region.pa + offset_of(region), region.end + offset_of(region)) for region in regions]
    return sorted([*linear, *((pages.start, pages.stop) for pages in stacks), (slots.start, slots.stop)])


def first_outside(spans: Iterable[Span], mapped: Span) -> Span | None:
    """Returns the first part of `mapped` that is in none of the spans, which are in order; None if there is none."""
    at, end = mapped
    for low, high in spans:
        if at < low < end:
            return at, low
        if low <= at < high:
            at = high
        if at >= end:
            return None
    return at, end


def _fail_for_excess(guest: Guest, walker: RadixWalker, mapped: Range, outside: Span) -> NoReturn:
    """Fails because of addresses that should map nothing, by what they lead to."""
    __tracebackhide__ = True
    va, size = outside[0], outside[1] - outside[0]
    pa = mapped.pa + va - mapped.va
    layout, region, walk = guest.layout, guest.layout.region_at(pa), walker.walk(va)
    seen = f"{va:#x} to {va + size:#x} maps {pa:#x} to {pa + size:#x}"
    if region is not None and region in layout.guards and va - pa == layout.offset:
        cause = "null-page-mapped" if region.name == "page-0" else "guard-page-mapped"
        fail(cause, f"nothing maps {va:#x} ({region.name})", seen, walk)
    if layout.window_end <= pa < guest.ram_end:
        _fail_for_ram(guest, seen, walk)
    if region is None:
        fail("mapped-without-need", f"{va:#x}, where the kernel has nothing, is not mapped", seen, walk)
    fail(_twice(region), f"{region.name} is mapped at {region.pa + layout.offset_of(region):#x} and nowhere else", seen, walk)


def _twice(region: Region) -> str:
    return "device-mapped-twice" if region.device else "kernel-page-mapped-twice"


def cause_of_second_mapping(guest: Guest, mapping: Mapping) -> str | None:
    """Names why a page that is not at its place in the linear map is wrong, if what it maps is there as well.

    A page at the place of another is something else: None.
    """
    layout, region = guest.layout, guest.layout.region_at(mapping.pa)
    is_at_home = guest.walk(mapping.pa + layout.offset_at(mapping.pa)).pa == mapping.pa
    if region is None or not is_at_home or layout.region_of(mapping.va) is not None:
        return None
    return _twice(region)


def _fail_for_ram(guest: Guest, seen: str, walk: Walk) -> NoReturn:
    __tracebackhide__ = True
    wanted = f"the kernel's half maps no RAM beyond the window, which ends at {guest.layout.window_end:#x}"
    fail("ram-beyond-window-mapped", wanted, seen, walk)


def check_windows_alone_lead_beyond(guest: Guest, walkers: Iterable[RadixWalker]) -> None:
    """Checks that the kernel has no other way to RAM beyond the window than temporary mappings, in either half."""
    __tracebackhide__ = True
    window_end, slots = guest.layout.window_end, guest.layout.temp_slots
    for walker in walkers:
        kernels = (m for m in walker.mappings() if not m.user and not slots.start <= m.va < slots.stop)
        for mapped in coalesce(kernels):
            end = min(mapped.pa + mapped.size, guest.ram_end)
            pa = max(mapped.pa, window_end)
            if pa < end:
                va = mapped.va + pa - mapped.pa
                seen = f"{va:#x} to {va + end - pa:#x} maps {pa:#x} to {end:#x}"
                _fail_for_ram(guest, seen, walker.walk(va))


def check_global(guest: Guest, mapping: Mapping, walk: Walk, file: str = "") -> None:
    """Checks that a page of the kernel is global: it is the same in every root, so no change of root need forget it."""
    __tracebackhide__ = True
    wanted = f"{mapping.va:#x}, of the kernel's half, is global"
    expect(guest.isa.paging.marks_global(mapping), "kernel-page-not-global", wanted, "it is not", walk, file)
