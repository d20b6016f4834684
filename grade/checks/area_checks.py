"""What must hold between a process's list of areas and its page tables, both read from guest RAM: from lab 5 on."""

from itertools import pairwise

from grade.boot.frame_records import frame_records
from grade.boot.layout import PAGE, UserLayout
from grade.boot.process_slots import Area, MemoryMap, ProcessSlot, memory_map, process_slots
from grade.checks.process_checks import user_mappings, walk_in
from grade.guest.guest import Guest
from grade.results.failure import expect, fail
from grade.walker import Mapping

_FAULT = "kernel/space/fault.cc"


def check_areas(guest: Guest, slot: ProcessSlot, *, left_pages: str = "") -> MemoryMap:
    """Checks that the list is sorted, half-open, disjoint and merged, and that every user page follows one of its areas.

    `left_pages` is the file to look at for a page in no area, if the list is known to be right.
    """
    __tracebackhide__ = True
    areas = memory_map(guest, slot)
    check_list(areas, str(slot), guest.layout.user)
    for mapping in user_mappings(guest, slot.root or 0):
        _check_page(guest, slot, areas, mapping, left_pages)
    in_use = areas.frame in frame_records(guest).in_use
    expect(in_use, "frame-freed-in-use", f"the frame of the list of {slot} is in use", f"{areas.frame:#x} is free")
    return areas


def check_all_areas(guest: Guest) -> dict[int, MemoryMap]:
    """Checks all processes that have a memory in the same way; returns their lists by PID."""
    __tracebackhide__ = True
    slots = [slot for slot in process_slots(guest) if slot.map is not None]
    return {slot.pid: check_areas(guest, slot) for slot in slots}


def check_list(areas: MemoryMap, owner: str, user: UserLayout) -> None:
    """Checks what vma.h says of every list."""
    __tracebackhide__ = True
    for area in areas.areas:
        whole = area.start % PAGE == 0 and area.end % PAGE == 0
        right = whole and PAGE <= area.start < area.end <= user.end
        expect(right, "vma-list-broken", f"the areas of {owner} are whole pages of the user half", f"{area}")
    for below, above in pairwise(areas.areas):
        wanted = f"the areas of {owner} are sorted, and none overlaps the next"
        expect(below.end <= above.start, "vma-list-broken", wanted, f"{below}, then {above}")
        alike = (below.protection, below.kind) == (above.protection, above.kind)
        wanted = f"areas of {owner} that touch and are alike are one"
        expect(below.end != above.start or not alike, "vma-list-broken", wanted, f"{below} and {above}")


def permissions(mapping: Mapping) -> str:
    """Returns what user code may do with a page: `rw-`."""
    may = (mapping.user_read, mapping.user_write, mapping.user_execute)
    return "".join(letter if yes else "-" for letter, yes in zip("rwx", may, strict=True))


def present_pages(guest: Guest, slot: ProcessSlot, area: Area) -> dict[int, Mapping]:
    """Returns the pages of an area that are present, by address."""
    around = guest.walker().mappings(slot.root or 0, area.start, area.end)
    return {mapping.va: mapping for mapping in around if mapping.va in area}


def _check_page(guest: Guest, slot: ProcessSlot, areas: MemoryMap, mapping: Mapping, left_pages: str) -> None:
    __tracebackhide__ = True
    area, seen = areas.area_of(mapping.va), permissions(mapping)
    if area is not None and seen == area.protection:
        _check_kernels_part(guest, slot, area, mapping)
        return
    walk = walk_in(guest, slot.root or 0, mapping.va)
    if area is None:
        listed = "; ".join(map(str, areas.areas)) or "none"
        fail(
            "page-without-vma", f"the page {mapping.va:#x} of {slot} is in an area", f"the areas are {listed}", walk, left_pages
        )
    wanted = f"the page {mapping.va:#x} of {slot} is {area.protection}, as its area {area}"
    more = set(seen) - set(area.protection)
    fail("page-exceeds-vma" if more else "page-falls-short-of-vma", wanted, seen, walk)


def _check_kernels_part(guest: Guest, slot: ProcessSlot, area: Area, mapping: Mapping) -> None:
    """Checks what the user's rights do not show: that it is RAM, this process's alone, and no more to the kernel than granted."""
    __tracebackhide__ = True
    may = {
        "write to": mapping.write and "w" not in area.protection,
        "execute": mapping.kernel_execute and "x" not in area.protection,
    }
    if mapping.memory == "normal" and not mapping.global_ and not any(may.values()):
        return
    page, walk = f"the page {mapping.va:#x} of {slot}", walk_in(guest, slot.root or 0, mapping.va)
    expect(
        mapping.memory == "normal", "wrong-memory-type", f"{page} is normal memory", f"{mapping.memory} memory", walk, _FAULT
    )
    expect(not mapping.global_, "user-page-global", f"{page} is not global", "it is", walk)
    seen = f"the kernel can {' and '.join(word for word, yes in may.items() if yes)} it"
    fail("page-exceeds-vma", f"{page}, of the area {area}, permits the kernel no more than that", seen, walk)
