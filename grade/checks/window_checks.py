"""What must hold of temporary mappings, read from their table: for the labs from 4 on."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from grade.boot.layout import PAGE
from grade.checks.leaf_checks import check_global
from grade.diagnosis.diagnose import unexpected_end
from grade.guest.guest import Guest
from grade.machine.stop import StopKind
from grade.results.failure import expect, expect_found, fail
from grade.walker import RadixWalker

_TEMP_MAP = "kernel/map/temp_map.cc"


@dataclass(frozen=True)
class WindowWrite:
    """A write of `entry` to slot `slot` of the table, which the kernel has just made, while `root` served user addresses."""

    slot: int
    entry: int
    root: int


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
    data = guest.read_physical(table, _size(guest))
    size = guest.isa.paging.walker.entry_bytes
    return [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]


def _size(guest: Guest) -> int:
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


def check_private(guest: Guest, slot: int) -> None:
    """Checks that an open window is for the kernel alone, to read and to write."""
    __tracebackhide__ = True
    va = slot_address(guest, slot)
    for walker in walkers_of_kernel_half(guest).values():
        walk = walker.walk(va)
        cause = "temp-slot-lost" if walk.steps and walk.steps[-1].level == 0 else "temp-window-not-in-root"
        page = expect_found(walk.mapping, cause, f"a window is open at {va:#x}", "nothing is mapped", walk)
        expect(not page.user, "temp-window-open-to-users", f"user code may not touch {va:#x}", "it may", walk)
        idle, wanted = not page.kernel_execute, f"nobody executes {va:#x}"
        expect(idle, "writable-and-executable", wanted, "the kernel may", walk, _TEMP_MAP)
        expect(page.write, "wrong-permission", f"the kernel may write to {va:#x}", "it may not", walk, _TEMP_MAP)
        check_global(guest, page, walk, _TEMP_MAP)
        normal, wanted = page.memory == "normal", f"{va:#x} is normal memory"
        expect(normal, "wrong-memory-type", wanted, f"it is {page.memory}", walk, _TEMP_MAP)


def window_writes(guest: Guest, table: int, end: int, what: str) -> Iterator[WindowWrite]:
    """Runs to the address `end`; on the way, yields each write to the table of the temporary mappings."""
    __tracebackhide__ = True
    machine, place = guest.machine, table + guest.offset
    machine.insert_breakpoint(end)
    while True:
        before = window_entries(guest, table)
        machine.insert_watchpoint(place, _size(guest))
        stop = guest.last_stop = machine.run()
        if not stop.kind.is_final:
            machine.remove_watchpoint(place, _size(guest))
        if stop.kind is not StopKind.WATCHPOINT:
            break
        if window_entries(guest, table) == before:  # QEMU 7.2 stops before the write on Arm, after it on x86
            machine.step()
        roots = guest.cpu().roots
        after = window_entries(guest, table)
        yield from (
            WindowWrite(slot, entry, roots.get("user", roots["kernel"]))
            for slot, (old, entry) in enumerate(zip(before, after, strict=True))
            if old != entry
        )
    if stop.kind is not StopKind.BREAKPOINT or stop.pc != end:
        unexpected_end(guest, stop, what)
    machine.remove_breakpoint(end)
