"""What a process was promised at the address at which it failed, and what its family has there."""

from grade.boot.layout import PAGE
from grade.boot.process_slots import MemoryMap, has_areas, memory_map
from grade.explain.first import First
from grade.inspect.names import is_users
from grade.inspect.spaces import Space, spaces, walker_of
from grade.walker import Access

_LETTERS = {Access.READ: "r", Access.WRITE: "w", Access.EXECUTE: "x"}


def promise_lines(first: First) -> list[str]:
    """The area of the address; nothing if it is not a user's address, or the kernel keeps no areas."""
    address, areas = first.taken.address, _areas(first, first.space)
    if address is None or areas is None or not is_users(first.guest, address):
        return []
    area = areas.area_of(address)
    if area is None:
        has = f"{len(areas.areas)}:" if areas.areas else "none"
        lines = [f"no area of {first.space.label} has {address:#x}. It has {has}"]
        return lines + [f"  {known}" for known in areas.areas] + _relatives(first, address)
    if address < PAGE:
        return [f"the area {area} has page 0, which is nobody's, whatever an area says"]
    if first.taken.access is not None and _LETTERS[first.taken.access] not in area.protection:
        return [f"the area {area} forbids this access"]
    return [f"the area {area}: the fault handler has to bring the page"]


def is_own_doing(first: First) -> bool:
    """Whether its areas forbid what the process did: if they are as they should be, it was killed rightly."""
    address, areas, access = first.taken.address, _areas(first, first.space), first.taken.access
    if address is None or areas is None or access is None or not is_users(first.guest, address):
        return False
    area = areas.area_of(address)
    return area is None or _LETTERS[access] not in area.protection


def cause_of_user_fault(first: First) -> str | None:
    """The root of another process was loaded; or the lists are wrong, where another process has a page or an area."""
    if first.is_then and _running_elsewhere(first):
        return "wrong-root-loaded"
    address, areas = first.taken.address, _areas(first, first.space)
    if address is None or areas is None or areas.area_of(address) is not None:
        return None
    if any(_has_page(first, space, address) and not _promised(first, space, address) for space in _others(first)):
        return "page-without-vma"
    return "fork-areas-differ" if any(_promised(first, space, address) for space in _family(first)) else None


def _running_elsewhere(first: First) -> bool:
    """Whether the process that runs has another root than the one that is loaded."""
    running = [space for space in spaces(first.guest) if space.slot is not None and space.slot.state == "running"]
    return bool(running) and first.space.root not in {space.root for space in running}


def _relatives(first: First, address: int) -> list[str]:
    """What the parent has at the address."""
    lines = []
    for space in _family(first):
        page = "has a page there" if _has_page(first, space, address) else "has no page there"
        area = "an area" if _promised(first, space, address) else "no area"
        lines.append(f"its parent, {space.label}, {page}, and {area}")
    return lines


def _others(first: First) -> list[Space]:
    """All spaces of processes, the one of the failing process among them."""
    return [space for space in spaces(first.guest) if space.slot is not None and space.slot.pid]


def _family(first: First) -> list[Space]:
    own = first.space.slot
    return [space for space in _others(first) if own is not None and space.slot.pid == own.parent]


def _has_page(first: First, space: Space, address: int) -> bool:
    page = walker_of(first.guest, space).walk(address).mapping
    return page is not None and page.user


def _promised(first: First, space: Space, address: int) -> bool:
    areas = _areas(first, space)
    return areas is not None and areas.area_of(address) is not None


def _areas(first: First, space: Space) -> MemoryMap | None:
    if space.slot is None or space.slot.map is None or not has_areas(first.guest):
        return None
    return memory_map(first.guest, space.slot)
