"""Pages that a process was promised and has not touched: no table has them, and the first touch brings them.

From lab 5 on. In earlier labs a process has all its pages from its start, and nothing is found here.
"""

from functools import lru_cache
from pathlib import Path

from grade.boot.layout import PAGE
from grade.boot.process_slots import Area, MemoryMap, has_areas, memory_map, process_slots
from grade.boot.sight import Sight
from grade.boot.user_image import loaded_pages, user_image

_LETTERS = {"read": "r", "write": "w", "execute": "x"}


def promised_pages(guest: Sight, root: int) -> dict[int, str]:
    """Returns every page that the process with this root was promised, present or not, with its permissions: `RW-`."""
    areas = _map_of(guest, root)
    if areas is None:
        return {}
    return {va: area.protection.upper() for area in areas.areas for va in range(area.start, area.end, PAGE)}


def is_awaited(guest: Sight, root: int, va: int, access: str = "read") -> bool:
    """Returns whether the page at `va` is absent, and comes if the process makes this access."""
    area = _awaited_area(guest, root, va)
    return area is not None and _LETTERS[access] in area.protection


def awaited_page(guest: Sight, root: int, va: int) -> bytes | None:
    """Returns what the absent page at `va` will hold when it comes, by the program's file; None if it never comes."""
    area = _awaited_area(guest, root, va)
    if area is None:
        return None
    program = next(slot.program for slot in process_slots(guest) if slot.root == root)
    elf = guest.image.elf
    pages = _loaded_pages(elf, elf.stat().st_mtime_ns, program) if area.kind == "image" else {}
    return pages.get(va & -PAGE, bytes(PAGE))


def _awaited_area(guest: Sight, root: int, va: int) -> Area | None:
    areas = _map_of(guest, root)
    if areas is None or guest.walker().with_root(root).walk(va).mapping is not None:
        return None
    return areas.area_of(va)


def _map_of(guest: Sight, root: int) -> MemoryMap | None:
    """Returns what the process with this root was promised."""
    if not has_areas(guest):
        return None
    slot = next((slot for slot in process_slots(guest) if slot.root == root and slot.map is not None), None)
    return memory_map(guest, slot) if slot is not None else None


@lru_cache(maxsize=8)
def _loaded_pages(kernel_elf: Path, built: int, program: str) -> dict[int, bytes]:
    """Returns the pages of a program. `built` is when it was built: a program that was built anew has other pages."""
    return loaded_pages(user_image(kernel_elf, program))
