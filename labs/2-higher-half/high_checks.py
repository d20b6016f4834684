"""What must hold once the kernel has moved up: the CPU holds no low address, and the lower half is empty."""

from grade.boot.frame_records import frame_records
from grade.checks.free_frames import check_free_frames, check_zones
from grade.diagnosis.diagnose import unexpected_end
from grade.diagnosis.fault_cause import Attempt, cause_of_fault
from grade.guest.guest import CHECKPOINT, Guest
from grade.machine.stop import StopKind
from grade.results.failure import expect, fail
from grade.walker import Access


def check_reachable(guest: Guest, va: int, access: Access) -> None:
    """Checks that the tables permit the kernel that access."""
    __tracebackhide__ = True
    refused = guest.walker().would_fault(va, access.value, user=False)
    if refused is not None:
        cause = cause_of_fault(guest, Attempt(va, access, moved=True))
        fail(cause, f"the kernel can {access.value} {va:#x}", refused, guest.walk(va))


def check_everything_high(guest: Guest) -> None:
    """Checks that every address that the CPU itself holds is in the kernel's half."""
    __tracebackhide__ = True
    cpu = guest.cpu()
    held = [("pc", cpu.pc, "pc-still-low"), ("sp", cpu.sp, "stack-still-low")]
    for name, va, cause in held:
        _check_high(guest, name, va, cause)
    _check_traps_are_high(guest)


def check_traps_move_first(guest: Guest) -> None:
    """Checks what traps need when the kernel takes its low half away: no trap can be taken by a low address from then on.

    Where it does that otherwise than by emptying the root's entry for its load address, there is nothing to see. The guest
    goes on to the checkpoint `moved`.
    """
    __tracebackhide__ = True
    cpu = guest.run_to_address(guest.image.function("leave_low_half"), "leave_low_half() at its high address")
    walker, machine = guest.walker(), guest.machine
    slot, size = walker.parts(guest.image.load_address)[0][1], walker.entry_bytes
    entry = cpu.roots.get("user", cpu.roots["kernel"]) + slot * size + guest.offset
    machine.insert_breakpoint(guest.image.va(CHECKPOINT))
    machine.insert_watchpoint(entry, size)
    stop = guest.last_stop = machine.run()
    if stop.kind not in (StopKind.WATCHPOINT, StopKind.BREAKPOINT):
        unexpected_end(guest, stop, "the checkpoint moved")
    machine.remove_watchpoint(entry, size)
    machine.remove_breakpoint(guest.image.va(CHECKPOINT))
    if stop.kind is StopKind.WATCHPOINT:
        _check_traps_are_high(guest, " when the low half is taken away")
        guest.run_to("moved")


def _check_traps_are_high(guest: Guest, when: str = "") -> None:
    __tracebackhide__ = True
    with guest.reading_traps():
        for one in guest.isa.traps.addresses_held(guest, guest.cpu()):
            _check_high(guest, one.what + when, one.va, one.cause)


def _check_high(guest: Guest, name: str, va: int, cause: str) -> None:
    __tracebackhide__ = True
    expect(va >= guest.offset, cause, f"{name} is at or above {guest.offset:#x}", f"it is {va:#x}", guest.walk(va))


def check_low_half_is_given_back(guest: Guest) -> None:
    """Checks that the lower half's root is empty, and that the only frames in use are the tables that can be reached."""
    __tracebackhide__ = True
    walker, roots = guest.walker(), guest.cpu().roots
    root = roots.get("user", roots["kernel"])
    if walker.walk(0).fault != "walk-disabled":
        for slot, va in walker.root_slots(walker.windows[0]).items():
            entry = guest.read_word(root + walker.entry_bytes * slot, walker.entry_bytes)
            wanted = f"the lower half of the root at {root:#x} is empty"
            expect(entry == 0, "freed-table-still-linked", wanted, f"slot {slot} holds {entry:#x}", walker.walk(va))
    zones = check_zones(guest)
    tables, frames = len(walker.tables()), len(frame_records(guest).in_use)
    wanted = f"{tables} frames in use: the tables that the roots lead to"
    expect(frames == tables, "tables-not-given-back", wanted, f"there are {frames}")
    check_free_frames(guest, zones, "kernel/map/leave_low_half.cc")
