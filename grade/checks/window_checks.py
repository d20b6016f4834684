"""What must hold of temporary mappings, read from their table: for the labs from 4 on."""

from collections.abc import Iterable

from grade.boot.layout import PAGE
from grade.guest.guest import Guest
from grade.results.failure import expect, fail
from grade.walker import RadixWalker

TEMP_MAP = "kernel/map/temp_map.cc"


def slot_address(guest: Guest, slot: int) -> int:
    """Returns the virtual address of a slot."""
    return guest.layout.temp_slots.start + slot * PAGE


def walkers_of_kernel_half(guest: Guest, roots: Iterable[int] = ()) -> dict[int, RadixWalker]:
    """Returns a walker for each root in which the kernel's addresses are looked up: the loaded one, and `roots`.

    If the kernel's half has a register of its own, that is the only root.
    """
    live, walker = guest.cpu().roots, guest.walker()
    if "user" in live:
        return {live["kernel"]: walker}
    return {root: walker.with_root(root) for root in (live["kernel"], *roots)}


def window_table(guest: Guest, roots: Iterable[int] = ()) -> int:
    """Returns the table of the temporary mappings; the loaded root and all `roots` must lead to the same one."""
    __tracebackhide__ = True
    found: dict[int, int] = {}
    for root, walker in walkers_of_kernel_half(guest, roots).items():
        walk = walker.walk(slot_address(guest, 0))
        is_there = bool(walk.steps) and walk.steps[-1].level == 0
        wanted = f"the root {root:#x} leads to the table of the temporary mappings at {walk.va:#x}"
        expect(is_there, "temp-window-not-in-root", wanted, "the walk ends before it", walk)
        found[root] = walk.steps[-1].table
        first = next(iter(found.values()))
        wanted = f"the root {root:#x} leads to the same table of the temporary mappings as all others, {first:#x}"
        expect(found[root] == first, "temp-window-per-root", wanted, f"to {found[root]:#x}", walk)
    return next(iter(found.values()))


def window_entries(guest: Guest, table: int) -> list[int]:
    """Returns the entries of all slots."""
    data = guest.read_physical(table, window_size(guest))
    size = guest.isa.paging.walker.entry_bytes
    return [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]


def window_size(guest: Guest) -> int:
    """Returns the size of the part of the table that holds the slots."""
    return len(guest.layout.temp_slots) * guest.isa.paging.walker.entry_bytes


def check_all_slots_empty(guest: Guest, when: str, roots: Iterable[int] = ()) -> None:
    """Checks that no window is open, neither in the loaded root nor in `roots`."""
    __tracebackhide__ = True
    table = window_table(guest, roots)
    entries = window_entries(guest, table)
    if any(entries):
        slot, entry = next((slot, entry) for slot, entry in enumerate(entries) if entry)
        walk = guest.walk(slot_address(guest, slot))
        seen = f"that of slot {slot} is {entry:#x}: its window was not closed, or left its entry behind"
        fail("temp-slot-not-emptied", f"{when}, the entry of every slot is 0", seen, walk)
