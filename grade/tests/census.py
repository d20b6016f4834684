"""Who holds what in a guest at one moment: the frames in use, the processes, the areas. For kernels from lab 5 on."""

from collections import Counter
from dataclasses import dataclass

from grade.boot.frame_records import frame_records
from grade.boot.guest import Guest
from grade.boot.process_slots import ProcessSlot, process_slots
from grade.checks.area_checks import check_all_areas
from grade.checks.process_checks import user_mappings
from grade.checks.window_checks import check_all_slots_empty


@dataclass(frozen=True)
class Census:
    """What is in use. Two of them are equal if nothing was lost between them, and nothing gained."""

    frames: frozenset[int]
    slots: frozenset[tuple[int, int]]
    """Number of the slot, and of the process in it."""


def take_census(guest: Guest) -> Census:
    """Counts, after a look whether all is in order: wherever the guest has been stopped in user code or the monitor.

    Every frame in use is reached from somewhere, in one way, and every frame that is reached is in use. Areas and pages
    agree both ways. No temporary mapping is open.
    """
    __tracebackhide__ = True
    slots = process_slots(guest)
    check_all_slots_empty(guest, "where the census is taken", [slot.root for slot in slots if slot.root])
    check_all_areas(guest)
    reached = _reached(guest, slots)
    twice = [f"{frame:#x}" for frame, count in reached.items() if count > 1]
    assert not twice, f"these frames are used for two things: {twice[:4]}, {len(twice)} frames"
    frames = frame_records(guest).in_use
    leaked, freed = frames - reached.keys(), reached.keys() - frames
    assert not leaked, f"nothing leads to these frames, and they are in use: {_some(leaked)}"
    assert not freed, f"these frames can be reached, and are free: {_some(freed)}"
    return Census(frames, frozenset((slot.number, slot.pid) for slot in slots))


def _reached(guest: Guest, slots: list[ProcessSlot]) -> Counter[int]:
    """In how many ways each frame is reached. A table counts once: all roots share those of the kernel's half."""
    walker = guest.walker()
    roots = [slot.root for slot in slots if slot.root is not None]
    tables = set(walker.tables()).union(*(walker.tables(root) for root in roots))
    stacks = {m.pa for m in walker.mappings() if m.va >= guest.offset and m.va - m.pa != guest.offset}
    reached = Counter([*tables, *stacks, *(slot.map for slot in slots if slot.map is not None)])
    for slot in slots:
        if slot.map is not None:
            reached.update(mapping.pa for mapping in user_mappings(guest, slot.root))
    return reached


def _some(frames: set[int] | frozenset[int]) -> str:
    return ", ".join(f"{frame:#x}" for frame in sorted(frames)[:4]) + f" ({len(frames)} frames)"
