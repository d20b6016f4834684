"""Names the cause once the first exception is known: the end of a run often shows how it went wrong, and not why."""

from dataclasses import dataclass
from functools import partial

from grade.boot.process_slots import MemoryMap, has_areas, memory_map
from grade.boot.sight import Sight
from grade.diagnosis.fault_cause import Attempt, cause_of_fault
from grade.diagnosis.nonsense import tried
from grade.inspect.frames import frame_findings
from grade.inspect.lint import has_unpromised_pages
from grade.inspect.names import is_users
from grade.inspect.spaces import Space, live_root, spaces, walker_of
from grade.isa.exceptions import Taken
from grade.results.causes import OF_THE_END
from grade.results.failure import Failure
from grade.walker import Access

LETTERS = {Access.READ: "r", Access.WRITE: "w", Access.EXECUTE: "x"}
"""What an area's protection must have for an access."""


@dataclass(frozen=True)
class Unexpected:
    """The first exception that should not have been. `guest` is at its handler if `is_then`, else at the end."""

    taken: Taken
    guest: Sight
    is_then: bool

    @property
    def space(self) -> Space:
        """The address space in which it was taken. A guest stopped there has its own roots: its frames are not the log's."""
        root = live_root(self.guest) if self.is_then or self.taken.root is None else self.taken.root
        known = next((space for space in spaces(self.guest) if space.root == root), None)
        return known or Space("", root)

    @property
    def areas(self) -> MemoryMap | None:
        """What the process of that space was promised; None if the space is no process's, or the kernel keeps no areas."""
        return areas_of(self.guest, self.space)


def cause_in_hindsight(failure: Failure, first: Unexpected | None, guest: Sight, *, met_freed: bool) -> str:
    """Returns the failure's cause, or a deeper one if that says only how the run ended; `guest` is as it was when it failed."""
    if met_freed or failure.cause in OF_THE_END:
        own = tried(partial(_cause_of_first, first)) if first is not None else None
        if own is not None and own not in OF_THE_END and not met_freed:
            return own
        found = tried(lambda: frame_findings(guest))
        if found is not None and (found.freed or found.short):
            return "frame-freed-in-use"
        if failure.cause in OF_THE_END and own is not None:
            return own
        if failure.cause in OF_THE_END and tried(lambda: has_unpromised_pages(guest)):
            return "page-without-vma"
    return failure.cause


def is_own_doing(first: Unexpected) -> bool:
    """Returns whether its areas forbid what the process did: if the areas are right, the process was rightly killed."""
    address, areas, access = first.taken.address, first.areas, first.taken.access
    if address is None or areas is None or access is None or not is_users(first.guest, address):
        return False
    area = areas.area_of(address)
    return area is None or LETTERS[access] not in area.protection


def parents(first: Unexpected) -> list[Space]:
    """Returns the space of the failing process's parent, if it has one."""
    own = first.space.slot
    return [space for space in _others(first) if own is not None and space.slot is not None and space.slot.pid == own.parent]


def has_page(guest: Sight, space: Space, address: int) -> bool:
    """Returns whether user code has a page at the address."""
    page = walker_of(guest, space).walk(address).mapping
    return page is not None and page.user


def is_promised(guest: Sight, space: Space, address: int) -> bool:
    """Returns whether an area of the space contains the address."""
    areas = areas_of(guest, space)
    return areas is not None and areas.area_of(address) is not None


def areas_of(guest: Sight, space: Space) -> MemoryMap | None:
    """Returns what the process was promised; None if the space is no process's, or the kernel keeps no areas."""
    if space.slot is None or space.slot.map is None or not has_areas(guest):
        return None
    return memory_map(guest, space.slot)


def _cause_of_first(first: Unexpected) -> str | None:
    """Returns the stable name of why the first exception came, if the tables show it."""
    taken = first.taken
    if taken.user:
        return _cause_of_user_fault(first)
    if taken.address is None or taken.access is None:
        return None
    moved = max(taken.pc, first.guest.cpu().sp) >= first.guest.offset
    return cause_of_fault(first.guest, Attempt(taken.address, taken.access, moved))


def _cause_of_user_fault(first: Unexpected) -> str | None:
    """Names the cause if another process's root was loaded, or if the lists of areas miss what another process has."""
    if first.is_then and _is_running_elsewhere(first):
        return "wrong-root-loaded"
    guest, address, areas = first.guest, first.taken.address, first.areas
    if address is None or areas is None or areas.area_of(address) is not None:
        return None
    if any(has_page(guest, space, address) and not is_promised(guest, space, address) for space in _others(first)):
        return "page-without-vma"
    return "fork-areas-differ" if any(is_promised(guest, space, address) for space in parents(first)) else None


def _is_running_elsewhere(first: Unexpected) -> bool:
    """Returns whether the running process has another root than the one that is loaded."""
    running = [space for space in spaces(first.guest) if space.slot is not None and space.slot.state == "running"]
    return bool(running) and first.space.root not in {space.root for space in running}


def _others(first: Unexpected) -> list[Space]:
    """Returns all spaces of processes, including that of the failing process."""
    return [space for space in spaces(first.guest) if space.slot is not None and space.slot.pid]
