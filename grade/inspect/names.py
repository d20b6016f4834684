"""What lies at a virtual address, by name: a region of the kernel, a stack, a window, an area of a process."""

from grade.boot.layout import PAGE
from grade.boot.process_slots import MemoryMap, has_areas, memory_map, process_slots
from grade.boot.sight import Sight
from grade.inspect.spaces import Space
from grade.results.failure import Failure
from grade.walker import Mapping


class Names:
    """Names for the addresses of one space, as the kernel's records are now."""

    def __init__(self, guest: Sight, space: Space) -> None:
        self._guest = guest
        self._areas = _areas_of(guest, space)
        self._stacks = {slot.stack_top: slot for slot in process_slots(guest) if slot.stack_top}

    def of(self, va: int) -> str:
        """Returns the name, or '' if nothing has this address."""
        guest = self._guest
        if va >= guest.offset > 0 or guest.offset == 0:
            return self._of_kernel(va)
        region = guest.layout.region_of(va)
        return self._of_user(va) or (f"{region.name} (low)" if region is not None else "")

    def of_mapping(self, page: Mapping) -> str:
        """Returns the name of a page; that of a block that holds several things is the first and the last name."""
        first, last = self.of(page.va), self.of(page.end - 1)
        return first if first == last or not last else f"{first or '...'} .. {last}"

    def _of_kernel(self, va: int) -> str:
        guest = self._guest
        windows = guest.layout.temp_slots
        if va & -PAGE in windows:
            return f"window {windows.index(va & -PAGE)}"
        for top, slot in self._stacks.items():
            if top - guest.layout.stack_size <= va < top:
                return "boot-stack" if slot.pid == 0 else f"kernel stack of {slot.pid} ({slot.program})"
        region = guest.layout.region_of(va)
        return region.name if region is not None else ""

    def _of_user(self, va: int) -> str:
        if self._areas is not None:
            area = self._areas.area_of(va)
            return area.kind if area is not None else ""
        return "stack" if va & -PAGE in self._guest.layout.user.stack else ""


def _areas_of(guest: Sight, space: Space) -> MemoryMap | None:
    if space.slot is None or space.slot.map is None or not has_areas(guest):
        return None
    try:
        return memory_map(guest, space.slot)
    except Failure:  # the list is malformed: there are no names in it
        return None


def is_users(guest: Sight, va: int) -> bool:
    """Returns whether the address is in the user half of the address space."""
    return guest.offset > 0 and va < guest.isa.paging.user_end
