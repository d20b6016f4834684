"""What must hold of promised memory, read from guest RAM: the list is what was asked for, and pages follow it."""

from collections.abc import Iterable
from itertools import pairwise

from grade.boot.cpu_state import CpuState
from grade.boot.guest import Guest
from grade.boot.process_slots import Area, ProcessSlot, memory_map
from grade.checks.area_checks import check_list
from grade.diagnosis import diagnose
from grade.diagnosis.failure import fail
from grade.machine.stop import StopKind


def run_or_end(guest: Guest, va: int, what: str) -> CpuState | None:
    """Runs until the CPU is about to execute `va`; None if a process ends before, which then is still complete."""
    __tracebackhide__ = True
    end = guest.image.function("end_current")
    for place in (va, end):
        guest.machine.insert_breakpoint(place)
    stop = guest.last_stop = guest.machine.run()
    if stop.kind is not StopKind.BREAKPOINT or stop.pc not in (va, end):
        diagnose.unexpected_end(guest, stop, what)
    for place in (va, end):
        guest.machine.remove_breakpoint(place)
    return guest.cpu() if stop.pc == va else None


def check_promised(guest: Guest, slot: ProcessSlot, wanted: Iterable[Area], when: str) -> None:
    """The list of a process is exactly this one."""
    __tracebackhide__ = True
    memory, right = memory_map(guest, slot), list(wanted)
    check_list(memory, f"{slot}, {when}")
    seen = list(memory.areas)
    if seen == right:
        return
    listed = "the areas are " + ("; ".join(map(str, seen)) or "none")
    for start, end in pairwise(sorted({va for area in (*seen, *right) for va in (area.start, area.end)})):
        ours, theirs = _area_of(right, start), _area_of(seen, start)
        range_ = f"{when}, {slot} has {start:#x}-{end:#x}"
        if ours is not None and theirs is None:
            fail("vma-missing", f"{range_} in the area {ours}", listed)
        if theirs is not None and ours is None:
            fail("vma-unexpected", f"{when}, {slot} has no area at {start:#x}-{end:#x}", f"{theirs}; {listed}")
        if ours is not None and theirs is not None and ours.protection != theirs.protection:
            fail("vma-wrong-protection", f"{range_} as {ours.protection}", f"{theirs}; {listed}")
        if ours is not None and theirs is not None and ours.kind != theirs.kind:
            fail("vma-wrong-kind", f"{range_} as part of the {ours.kind}", f"{theirs}; {listed}")
    fail("vma-list-broken", f"{when}, the areas of {slot} are {'; '.join(map(str, right))}", listed)


def _area_of(areas: list[Area], va: int) -> Area | None:
    return next((area for area in areas if va in area), None)
