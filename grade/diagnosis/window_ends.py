"""Names causes that concern temporary mappings, and the user memory that is reached through them."""

from grade.boot.layout import PAGE
from grade.boot.process_slots import has_windows
from grade.boot.processes import processes
from grade.boot.sight import Sight
from grade.diagnosis.process_ends import CHECKS_OF_FRAMES
from grade.machine.facts import Fact
from grade.results.causes import CAUSES
from grade.walker import Walk

_DEEP = 1024
"""How many bytes of stack are searched for a caller of the function that reports."""


def cause_in_window(guest: Sight, walk: Walk) -> str | None:
    """Names the cause of a kernel fault among the temporary mappings; None if it was elsewhere, or says nothing about them."""
    slots = guest.layout.temp_slots
    slot, offset = divmod(walk.va - slots.start, PAGE)
    if not slots or not 0 <= slot <= len(slots):
        return None
    if walk.mapping is not None:  # x86: SMAP keeps the kernel from what users may access
        return "temp-window-open-to-users" if walk.mapping.user else None
    if walk.fault != "not-present":
        return None
    if walk.steps[-1].level > 0:
        return "temp-window-not-in-root"
    # Copies go upwards: an access after an open slot has run over the end of its page.
    is_behind = slot > 0 and offset < PAGE // 2 and guest.walk(walk.va - PAGE).mapping is not None
    return "user-copy-not-split" if is_behind else "temp-slot-closed-too-early"


def file_in_window(guest: Sight, walk: Walk, cause: str) -> str:
    """Returns where to look for an error in the leaf of an open window; empty if `cause` says it, or if it is elsewhere.

    The causes of maps in general name the file that builds the kernel's map.
    """
    is_leaf = bool(walk.steps) and walk.steps[-1].level == 0 and walk.steps[-1].entry != 0
    inside = walk.va & -PAGE in guest.layout.temp_slots
    general = CAUSES[cause].is_about_the_map or cause in ("access-flag-clear", "reserved-bit-set")
    return "kernel/map/temp_map.cc" if inside and is_leaf and general else ""


def cause_of_user_pointer(guest: Sight, va: int) -> str | None:
    """Names the cause if the kernel itself wanted to read or write `va` in the user half of the loaded process, else None.

    With no user pages loaded, a user's page of another process counts. Before lab 4 no pointer of a user's is followed:
    there the line that faulted says more.
    """
    if guest.offset == 0 or va >= guest.isa.paging.user_end:
        return None
    page = next(guest.walker().mappings(low=0, high=guest.isa.paging.user_end), None)
    if page is None:
        walks = (guest.walker().with_root(process.root).walk(va) for process in processes(guest))
        page = next((walk.mapping for walk in walks if walk.mapping is not None), None)
    if page is None or not page.user:
        return None
    return "user-pointer-trusted" if has_windows(guest) else "unexpected-fault"


def panic_while_closing(guest: Sight, fact: Fact) -> str | None:
    """Names the cause if a CHECK of the frame allocator failed while, by the stack, a window was being closed, else None."""
    if fact.values.get("check") not in CHECKS_OF_FRAMES:
        return None
    sp = guest.cpu().sp
    for address in range(sp, sp + _DEEP, 8):
        pa = guest.walk(address).pa
        if pa is None:
            break
        function = guest.image.symbol_of(guest.read_word(pa))
        if "TempMap" in function and "close" in function:
            return "frame-freed-by-unmap"
    return None
