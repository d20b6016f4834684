"""What an open window permits, and who writes to the table of the windows."""

from collections.abc import Iterator
from dataclasses import dataclass

from grade.checks.leaf_checks import check_global
from grade.checks.window_checks import TEMP_MAP, slot_address, walkers_of_kernel_half, window_entries, window_size
from grade.diagnosis.diagnose import unexpected_end
from grade.guest.guest import Guest
from grade.machine.stop import StopKind
from grade.results.failure import expect, expect_found


@dataclass(frozen=True)
class WindowWrite:
    """A write of `entry` to slot `slot` of the table, which the kernel has just made, while `root` served user addresses."""

    slot: int
    entry: int
    root: int


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
        expect(idle, "writable-and-executable", wanted, "the kernel may", walk, TEMP_MAP)
        expect(page.write, "wrong-permission", f"the kernel may write to {va:#x}", "it may not", walk, TEMP_MAP)
        check_global(guest, page, walk, TEMP_MAP)
        normal, wanted = page.memory == "normal", f"{va:#x} is normal memory"
        expect(normal, "wrong-memory-type", wanted, f"it is {page.memory}", walk, TEMP_MAP)


def window_writes(guest: Guest, table: int, end: int, what: str) -> Iterator[WindowWrite]:
    """Runs to the address `end`; on the way, yields each write to the table of the temporary mappings."""
    __tracebackhide__ = True
    machine, place = guest.machine, table + guest.offset
    machine.insert_breakpoint(end)
    while True:
        before = window_entries(guest, table)
        machine.insert_watchpoint(place, window_size(guest))
        stop = guest.last_stop = machine.run()
        if not stop.kind.is_final:
            machine.remove_watchpoint(place, window_size(guest))
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
