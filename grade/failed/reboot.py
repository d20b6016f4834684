"""The same guest once more: with a log of its exceptions, or up to one of them.

    with rebooted(recipe, tree) as (guest, log):
        stop = follow(guest, log, way)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from grade.failed.way import Way
from grade.guest.guest import Guest, Recipe, machine_of_kind
from grade.isa import isa_called
from grade.isa.exceptions import Taken
from grade.machine.exception_log import ExceptionLog
from grade.machine.machine import Machine
from grade.machine.qemu_process import GuestSetup
from grade.machine.stop import Stop, StopKind

_CPU_SECONDS, _IDLE_SECONDS = 10.0, 2.0  # more than a milestone's: the log costs time
_MOST_STOPS = 2000  # at a handler, on the way to one exception
_MOST_ALIKE = 16  # ...in a row: another exception, say a tick, came first this time and recurs for ever


class LoggedMachine(Machine):
    """A machine whose QEMU writes about each exception to the descriptor `log`."""

    log: int | None = None

    @property
    def looks_for_circles(self) -> bool:
        """Always False: the log stops the guest, and has seen what it goes back to."""
        return False

    def _setup(self) -> GuestSetup:
        setup = super()._setup()
        if self.log is None:
            return setup
        return replace(setup, options=("-d", "int,cpu_reset", "-D", f"/dev/fd/{self.log}"), inherited=(self.log,))


def booted_again(recipe: Recipe, tree: Path, log: int | None = None) -> Guest:
    """Returns a guest of a recipe, not yet started."""
    machine = machine_of_kind(LoggedMachine, recipe, _CPU_SECONDS, _IDLE_SECONDS)
    machine.log = log
    return Guest.again(recipe, tree, machine)


@contextmanager
def rebooted(recipe: Recipe, tree: Path) -> Iterator[tuple[Guest, ExceptionLog]]:
    """Yields a guest before its first instruction, and the log of the exceptions that it is going to take."""
    log = ExceptionLog(isa_called(recipe.isa))
    try:
        with booted_again(recipe, tree, log.input) as guest:
            log.follow(guest.machine.interrupt)
            yield guest, log
    finally:
        log.close()


def follow(guest: Guest, log: ExceptionLog, way: Way, *, to_the_end: bool) -> Stop:
    """Lets the guest go the way that it went before and then, if it did so, to its end."""
    _, stop = way.go(guest.machine)
    if stop is None or (to_the_end and stop.kind is StopKind.BREAKPOINT):
        stop = guest.machine.run()
    if stop.kind is not StopKind.EXITED:
        log.finish()
    if stop.kind is StopKind.PAUSED:
        guest.machine.use_up_budget()
        stop = replace(stop, kind=StopKind.HANG, detail="exception followed exception, without end")
    guest.last_stop = stop
    return stop


@contextmanager
def at_exception(recipe: Recipe, tree: Path, taken: Taken, handler: int | None) -> Iterator[Guest | None]:
    """Yields the guest at the first instruction of the handler of that exception; None if it does not get there again."""
    if handler is None:
        yield None
        return
    with booted_again(recipe, tree) as guest:
        yield guest if _arrives(guest, taken, handler) else None


def _arrives(guest: Guest, taken: Taken, handler: int) -> bool:
    """Runs the guest to the handler of that exception; returns whether it got there."""
    guest.machine.insert_breakpoint(handler)
    before, alike = None, 0
    for _ in range(_MOST_STOPS):
        guest.last_stop = guest.machine.run()
        if guest.last_stop.kind is not StopKind.BREAKPOINT:
            return False
        if _is_there(guest, taken):
            return True
        here = guest.isa.traps.mark(guest.cpu())
        before, alike = here, alike + 1 if here == before else 0
        if alike >= _MOST_ALIKE:
            return False
    return False


def _is_there(guest: Guest, taken: Taken) -> bool:
    """Returns whether this is the exception that the CPU has just taken."""
    cpu = guest.cpu()
    if taken.address is not None and cpu.fault_address != taken.address:
        return False
    return guest.isa.traps.has_just_taken(guest, taken)
