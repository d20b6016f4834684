"""Watches which roots a kernel without processes loads: once its monitor runs, the root that is loaded stays.

A kernel could otherwise show right tables where it is stopped, and run on others: by debug registers, a trap or a clock that
comes before and after the place. The watch is the witness of the discipline, which then follows no access and costs little.
"""

from grade.boot.layout import layout_of
from grade.discipline.record import Event
from grade.discipline.witnessed import Witness
from grade.guest.guest import Guest
from grade.ladder.labs import LadderError
from grade.machine.qemu_version import require, takes_plugins

RULE = "strayed"


def watch_roots(guest: Guest) -> Witness | None:
    """Has the guest, which has not started yet, watched; returns the witness, which is to be closed.

    None where roots come and go, or where nothing can be watched: the discipline's own milestone says so.
    """
    qemu = require(guest.isa.name)
    if layout_of(guest.image).most_processes or not takes_plugins(qemu, qemu.stat().st_mtime_ns):
        return None
    try:
        witness = Witness(guest.image, roots_only=True)
    except LadderError:
        return None
    witness.attach(guest.machine)
    guest.stray_root = lambda: _told(guest, witness)
    return witness


def _told(guest: Guest, witness: Witness) -> str:
    record = witness.record()
    strayed = next((event for event in record.violations if event.rule == RULE), None)
    if strayed is not None:
        return _in_words(guest, strayed)
    if record.is_of_qemu:
        return ""
    if record.unjudged:
        return f"which root is loaded cannot be followed: {record.unjudged}"
    return "" if record.seen.settled else "the guest has stopped there, and its monitor has never begun"


def _in_words(guest: Guest, strayed: Event) -> str:
    pc, root, former = strayed.addresses("at")[0], strayed.number("root"), strayed.number("old")
    where = guest.place(pc)
    by = f"at {pc:#x} ({where})" if where else f"at {pc:#x}"
    return f"{root:#x} was loaded in place of {former:#x}, {by}"
