"""All of a process's memory at one moment, and whether it is the same later: what a system call must not change."""

from collections.abc import Set
from dataclasses import dataclass

from grade.boot.layout import PAGE
from grade.boot.process_slots import MemoryMap, ProcessSlot, memory_map
from grade.checks.area_checks import permissions
from grade.checks.process_checks import user_mappings, walk_in
from grade.guest.guest import Guest
from grade.results.failure import expect, fail

_SHOWN = 8  # bytes of a page that a report shows


@dataclass(frozen=True)
class Memory:
    """What a process was promised, its pages (by address: where in RAM, and what it may do there), and their contents."""

    promised: MemoryMap
    pages: dict[int, tuple[int, str]]
    contents: dict[int, bytes]


def memory_of(guest: Guest, slot: ProcessSlot, but_contents_of: Set[int] = frozenset()) -> Memory:
    """Reads the memory as it is now. Contents of some pages can be left out: those to which the process keeps writing."""
    __tracebackhide__ = True
    mappings = user_mappings(guest, slot.root or 0)
    return Memory(
        memory_map(guest, slot),
        {mapping.va: (mapping.pa, permissions(mapping)) for mapping in mappings},
        {mapping.va: guest.read_physical(mapping.pa, PAGE) for mapping in mappings if mapping.va not in but_contents_of},
    )


def check_same_memory(
    guest: Guest, slot: ProcessSlot, before: Memory, now: Memory, cause: str, when: str, *, of_promises: str = ""
) -> None:
    """Checks that the process has what it had: the same areas and pages, and the same bytes in them.

    `of_promises` is the file in which areas and heap may have been changed, if not that of the cause.
    """
    __tracebackhide__ = True
    wanted = f"{when} {slot} is promised what it was promised before: {promises_of(before.promised)}"
    expect(now.promised == before.promised, cause, wanted, promises_of(now.promised), file=of_promises)
    for va in sorted(now.pages.keys() | before.pages.keys()):
        old, new = (memory.contents.get(va, b"") for memory in (before, now))
        wanted, seen = _page_words(before, va), _page_words(now, va)
        if (wanted, old) == (seen, new):
            continue
        walk = walk_in(guest, slot.root or 0, va)
        expect(seen == wanted, cause, f"{when} {slot} has at {va:#x} what it had there: {wanted}", seen, walk)
        if old != new:
            at = next(at for at in range(PAGE) if old[at] != new[at])
            wanted = f"{when} {slot} finds at {va + at:#x} what was there: {old[at : at + _SHOWN].hex()}"
            fail(cause, wanted, new[at : at + _SHOWN].hex(), walk)


def _page_words(memory: Memory, va: int) -> str:
    pa, may = memory.pages.get(va, (0, ""))
    return f"a page {may} at {pa:#x}" if may else "no page"


def promises_of(memory: MemoryMap) -> str:
    """Returns the areas and the ends of the heap, in words."""
    areas = "; ".join(map(str, memory.areas)) or "no area"
    return f"{areas}; the heap's ends {memory.heap_start:#x} and {memory.heap_end:#x}"
