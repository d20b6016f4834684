"""What must hold of promised memory, read from guest RAM: the list is what was asked for, and pages follow it."""

from collections.abc import Iterable
from itertools import pairwise

from grade.boot.layout import PAGE, UserLayout
from grade.boot.process_slots import Area, ProcessSlot, memory_map, process_slots
from grade.boot.user_image import UserImage
from grade.checks.area_checks import check_list
from grade.checks.process_checks import user_mappings, walk_in
from grade.diagnosis import diagnose
from grade.guest.guest import Guest
from grade.inspect.spaces import live_root
from grade.isa import Isa
from grade.isa.code import rounded_up
from grade.isa.registers import CpuState
from grade.machine.stop import StopKind
from grade.results.failure import expect, expect_found, fail

_WORD = 8
_FAULT = "kernel/space/fault.cc"


def run_or_end(guest: Guest, va: int, what: str, root: int | None = None) -> CpuState | None:
    """Runs until the CPU is about to execute `va`; returns None if the process ends before that, and is then still complete.

    With a `root`, only the process with that root counts.
    """
    __tracebackhide__ = True
    end = guest.image.function("end_current")
    while True:
        for place in (va, end):
            guest.machine.insert_breakpoint(place)
        stop = guest.last_stop = guest.machine.run()
        if stop.kind is not StopKind.BREAKPOINT or stop.pc not in (va, end):
            diagnose.unexpected_end(guest, stop, what)
        for place in (va, end):
            guest.machine.remove_breakpoint(place)
        if root is None or live_root(guest) == root:
            return guest.cpu() if stop.pc == va else None


def running_slot(guest: Guest) -> ProcessSlot:
    """Returns the process that has the CPU, whose root is loaded."""
    __tracebackhide__ = True
    root = live_root(guest)
    found = next((slot for slot in process_slots(guest) if slot.state == "running"), None)
    running = expect_found(found, "wrong-answer", "a process of the kernel's table runs", "none does")
    wanted = f"the record of {running} has the root that is loaded, {root:#x}"
    expect(running.root == root, "root-not-recorded", wanted, f"it has {running.root or 0:#x}")
    return running


def frames_of(guest: Guest, root: int) -> frozenset[int]:
    """Returns the tables of a root, including empty ones, and the pages of its lower half."""
    return frozenset(guest.walker().tables(root)) | {mapping.pa for mapping in user_mappings(guest, root)}


# --- what a list must be ---------------------------------------------------------------------------------------------


def promised_areas(image: UserImage, isa: Isa, user: UserLayout) -> list[Area]:
    """Returns what a process that is going to run this program is promised: by the program's file, and a stack."""
    areas = _image_areas(image)
    if image.thread is not None:
        size = rounded_up(isa.code.thread_block(image.thread.size, image.thread.alignment), PAGE)
        areas.append(Area(user.map_start, user.map_start + size, "rw-", "thread"))
    areas.append(Area(user.stack_start, user.stack_top, "rw-", "stack"))
    return sorted(areas, key=lambda area: area.start)


def heap_start(image: UserImage) -> int:
    """Returns where the heap of a program begins: after its last page."""
    return max(-(-segment.end // PAGE) * PAGE for segment in image.segments)


def _image_areas(image: UserImage) -> list[Area]:
    """Returns the areas, page by page: a page of two segments has the permissions of both."""
    pages: dict[int, set[str]] = {}
    for segment in image.segments:
        may = {"r"} | ({"w"} if segment.write else set()) | ({"x"} if segment.execute else set())
        for va in range(segment.va & -PAGE, segment.end, PAGE):
            pages.setdefault(va, set()).update(may)
    areas: list[Area] = []
    for va, may in sorted(pages.items()):
        protection = "".join(letter if letter in may else "-" for letter in "rwx")
        start = va
        if areas and areas[-1].end == va and areas[-1].protection == protection:
            start = areas.pop().start
        areas.append(Area(start, va + PAGE, protection, "image"))
    return areas


def check_promised(guest: Guest, slot: ProcessSlot, wanted: Iterable[Area], when: str) -> None:
    """Checks that the list of a process is exactly this one."""
    __tracebackhide__ = True
    memory, right = memory_map(guest, slot), list(wanted)
    check_list(memory, f"{slot}, {when}", guest.layout.user)
    seen = list(memory.areas)
    if seen == right:
        return
    listed = "the areas are " + ("; ".join(map(str, seen)) or "none")
    for start, end in pairwise(sorted({va for area in (*seen, *right) for va in (area.start, area.end)})):
        ours, theirs = _area_of(right, start), _area_of(seen, start)
        range_ = f"{when}, {slot} has {start:#x}-{end:#x}"
        if ours is not None and theirs is None:
            _check_no_page(guest, slot, range(start, end), listed)
            fail("vma-missing", f"{range_} in the area {ours}", listed)
        if theirs is not None and ours is None:
            cause = "stack-grown-too-far" if theirs.kind == "stack" else "vma-unexpected"
            fail(cause, f"{when}, {slot} has no area at {start:#x}-{end:#x}", f"{theirs}; {listed}")
        if ours is not None and theirs is not None and ours.protection != theirs.protection:
            file = _grown_by(theirs, ours, seen)
            fail("vma-wrong-protection", f"{range_} as {ours.protection}", f"{theirs}; {listed}", file=file)
        if ours is not None and theirs is not None and ours.kind != theirs.kind:
            fail("vma-wrong-kind", f"{range_} as part of the {ours.kind}", f"{theirs}; {listed}")
    fail("vma-list-broken", f"{when}, the areas of {slot} are {'; '.join(map(str, right))}", listed)


def _grown_by(area: Area, right: Area, areas: Iterable[Area]) -> str:
    """Returns the file that makes the stack grow, if `area` looks as if it came that way; else nothing."""
    is_below = any(above.start == area.end and (above.kind, above.protection) == ("stack", right.protection) for above in areas)
    return _FAULT if area.kind == "stack" and is_below else ""


def _check_no_page(guest: Guest, slot: ProcessSlot, addresses: range, listed: str) -> None:
    """Checks that there is no page where an area is missing: otherwise it was mapped without a promise."""
    __tracebackhide__ = True
    found = next((m.va for m in user_mappings(guest, slot.root or 0) if m.va in addresses), None)
    if found is not None:
        walk = walk_in(guest, slot.root or 0, found)
        wanted = f"the page {found:#x} of {slot} is in an area"
        fail("page-without-vma", wanted, listed, walk, "kernel/space/vma.cc")


def _area_of(areas: list[Area], va: int) -> Area | None:
    return next((area for area in areas if va in area), None)
