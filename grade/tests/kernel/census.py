"""Who holds what in a guest at one moment: the frames in use, and the processes. For kernels from lab 5 on."""

from dataclasses import dataclass

from grade.boot.process_slots import process_slots
from grade.checks.area_checks import check_all_areas
from grade.checks.ledger import check_frames
from grade.checks.window_checks import check_all_slots_empty
from grade.guest.guest import Guest

_WINDOWS_IN_USE = "_ZN12_GLOBAL__N_16g_usedE"  # g_used in kernel/map/temp_map.cc, 8 bytes after its lock


@dataclass(frozen=True)
class Census:
    """What is in use. Two of them are equal if nothing was lost between them, and nothing gained."""

    frames: frozenset[int]
    slots: frozenset[tuple[int, int]]
    """Number of the slot, and of the process in it."""


def take_census(guest: Guest) -> Census:
    """Counts, after a look whether all is in order: where the guest has been stopped in user code or the monitor.

    The frames in use are those that can be reached; areas and pages agree both ways; no temporary mapping is open.
    """
    __tracebackhide__ = True
    slots = process_slots(guest)
    check_all_slots_empty(guest, "where the census is taken", [slot.root for slot in slots if slot.root])
    used = guest.read_word(guest.image.pa(_WINDOWS_IN_USE) + 8)
    assert used == 0, f"the kernel thinks that these temporary mappings are in use: {used:#b}"
    check_all_areas(guest)
    ledger = check_frames(guest)
    return Census(ledger.frames, frozenset((slot.number, slot.pid) for slot in slots))
