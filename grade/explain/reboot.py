"""The same guest once more: with a log of its exceptions, or up to one of them.

    with rebooted(recipe, tree) as (guest, log):
        stop = follow(guest, log, way)
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from grade.boot.cpu_state import GATE_SIZE, gate_target
from grade.boot.guest import Guest, Recipe, machine_for
from grade.boot.kernel_image import KernelImage
from grade.boot.layout import layout_of
from grade.boot.way import Way
from grade.explain.exception_log import ExceptionLog
from grade.explain.taken import Kind, Taken
from grade.machine.machine import Machine
from grade.machine.qemu_process import GuestSetup
from grade.machine.stop import Stop, StopKind

_CPU_SECONDS, _IDLE_SECONDS = 10.0, 2.0  # more than a milestone's own: the log costs time
_MOST_STOPS = 2000  # at a handler, on the way to one exception
_MOST_ALIKE = 16  # ...in a row: another exception came first this time, a tick say, and goes on for ever
_BREAKPOINT, _PAGE_FAULT = 3, 14  # Intel SDM vol. 3, table 6-1


class LoggedMachine(Machine):
    """A machine whose QEMU writes about each exception to the descriptor `log`."""

    log: int | None = None

    def _setup(self) -> GuestSetup:
        setup = super()._setup()
        if self.log is None:
            return setup
        return replace(setup, options=("-d", "int,cpu_reset", "-D", f"/dev/fd/{self.log}"), inherited=(self.log,))


class RebootedGuest(Guest):
    """A guest from a recipe, not yet started."""

    def __init__(self, recipe: Recipe, tree: Path, log: int | None = None) -> None:
        self.recipe, self.tree, self.isa = recipe, tree, recipe.isa
        self.image = KernelImage(recipe.isa, Path(recipe.elf))
        self.layout = layout_of(self.image)
        self.machine = machine_for(recipe, _CPU_SECONDS, _IDLE_SECONDS, LoggedMachine)
        self.machine.log = log
        self.last_stop: Stop | None = None


@contextmanager
def rebooted(recipe: Recipe, tree: Path) -> Iterator[tuple[RebootedGuest, ExceptionLog]]:
    """A guest before its first instruction, and the log of the exceptions that it is going to take."""
    log = ExceptionLog(recipe.isa)
    try:
        with RebootedGuest(recipe, tree, log.input) as guest:
            log.follow(guest.machine.interrupt)
            yield guest, log
    finally:
        log.close()


def follow(guest: RebootedGuest, log: ExceptionLog, way: Way, *, to_the_end: bool) -> Stop:
    """Lets the guest go the way that it went before, and then, if it did so, to its end."""
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


def handler_of(guest: Guest, taken: Taken) -> int | None:
    """Where the CPU goes on that exception; None if it cannot get there, or that cannot be told."""
    if taken.handler is not None:
        return taken.handler
    gates = guest.walk(guest.cpu().vectors["IDT"]).pa
    vector = _BREAKPOINT if taken.kind is Kind.BREAKPOINT else _PAGE_FAULT if taken.address is not None else None
    if gates is None or vector is None:
        return None
    gate = guest.read_physical(gates + vector * GATE_SIZE, GATE_SIZE)
    return gate_target(gate) or None


@contextmanager
def at_exception(recipe: Recipe, tree: Path, taken: Taken, handler: int | None) -> Iterator[RebootedGuest | None]:
    """The guest at the first instruction of the handler of that exception; None if it does not get there again."""
    if handler is None:
        yield None
        return
    with RebootedGuest(recipe, tree) as guest:
        yield guest if _arrives(guest, taken, handler) else None


def _arrives(guest: RebootedGuest, taken: Taken, handler: int) -> bool:
    """Runs the guest to the handler of that exception; whether it got there."""
    guest.machine.insert_breakpoint(handler)
    before, alike = None, 0
    for _ in range(_MOST_STOPS):
        guest.last_stop = guest.machine.run()
        if guest.last_stop.kind is not StopKind.BREAKPOINT:
            return False
        if _is_there(guest, taken):
            return True
        here = (guest.cpu().fault_address, guest.cpu().registers.get("elr_el1", guest.cpu().sp))
        before, alike = here, alike + 1 if here == before else 0
        if alike >= _MOST_ALIKE:
            return False
    return False


def _is_there(guest: Guest, taken: Taken) -> bool:
    """Whether it is this exception that the CPU has just taken."""
    cpu = guest.cpu()
    if taken.address is not None and cpu.fault_address != taken.address:
        return False
    if "VBAR" in cpu.vectors:
        return cpu.registers["elr_el1"] == taken.pc
    # The frame that the CPU has pushed: an error code, if the exception has one, below the address to return to.
    frame = guest.walk(cpu.sp).pa
    return frame is not None and not {guest.read_word(frame), guest.read_word(frame + 8)}.isdisjoint(taken.resumes)
