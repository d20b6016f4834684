"""./pagewalk bench --soak: storms of processes and memory (user/bench/stress.cc) for a long time, after which nothing may be lost.

A soak is a series of legs. In each, stress runs some rounds from a seed of its own, in every other leg with an allocation
that fails in the middle. On the way the guest is stopped at random, and again at the end of the leg: then every
frame in use must be reachable, and after the leg everything must be as it was before the first.
"""

import random
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Self

from rich.console import Console
from rich.table import Table

from grade.checks.area_checks import check_all_areas
from grade.checks.ledger import check_frames
from grade.diagnosis.diagnose import unexpected_end
from grade.guest.guest import CHECKPOINT, Guest
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.machine.stop import StopKind
from grade.prepare import prepare
from grade.results.failure import Failure, expect

_LAST_PID, _TICKS = ("kernel/process/process.cc", "g_last_pid"), ("kernel/base/clock.cc", "g_ticks")
_FORK = 6  # the lab that brings user/bench/stress.cc
_FIRST_PID = 2  # no process has 1
_TIMER = 1000  # microseconds: ten times as often as usual, so that much is interrupted

_LEGS_OF_ONE_GUEST = 200
"""The most legs of one guest: each leaves some text, and all text is read again and again."""

_ENTRANCES = ("fork_current", "system_execve", "system_mmap", "system_munmap", "system_brk", "handle_user_tick")
"""Functions of the kernel at whose entry no half-done work holds a frame."""

_ALLOCATIONS = (100, 8000)
"""Which allocations may fail: from after the start of the leg's first process to long before the end of the leg."""

_WRONG = ("1", "99")
"""The exit statuses of user/bench/stress.cc and its children if they have found something wrong."""


@dataclass
class Soak:
    """What has been done so far on one ISA."""

    isa: str
    seconds: float = 0
    legs: int = 0
    rounds: int = 0
    processes: int = 0
    ticks: int = 0
    looks: int = 0
    failures: int = 0
    """Allocations that were made to fail."""


class SoakGuest:
    """One guest. A context manager."""

    def __init__(self, kernel: Kernel, seed: int, done: Soak, *, rounds: int = 3, looks: int = 4) -> None:
        """Boots the guest. Legs have so many `rounds` and stops (`looks`) on the way. What was done is added to `done`."""
        script = f"timer {_TIMER}\ncheckpoint ready"
        self.guest = Guest(kernel, script, cpu_budget=3600.0, idle_backstop=30.0)
        self.done = done
        self._random = random.Random(seed)
        self._rounds, self._looks = rounds, looks

    def __enter__(self) -> Self:
        self.guest.machine.start()
        self.guest.run_to("ready")
        self._before = check_frames(self.guest).frames
        return self

    def __exit__(self, *_: object) -> None:
        self.guest.machine.close()

    def leg(self) -> None:
        """Runs one more leg; a Failure if anything is wrong."""
        __tracebackhide__ = True
        start, ticks, last_pid = time.monotonic(), self._number(_TICKS), self._number(_LAST_PID)
        ends = len(self.guest.facts("exit"))
        seed = self._random.randrange(1 << 31)
        fail = self._random.randrange(*_ALLOCATIONS) if self.done.legs % 2 else 0
        # A failed allocation may kill the first process, whose children then end as orphans.
        self.guest.machine.send(f"fail {fail}\nrun stress {self._rounds} {seed}\nwait\ncheckpoint leg\n")
        self._look_on_the_way()
        self._check_end(ends, f"stress {self._rounds} {seed}, while allocation {fail} fails")
        self.done.seconds += time.monotonic() - start
        self.done.legs += 1
        self.done.rounds += self._rounds
        pids = self.guest.image.defined.constant("kLargestPid") + 1 - _FIRST_PID
        self.done.processes += (self._number(_LAST_PID) - last_pid) % pids
        self.done.ticks += self._number(_TICKS) - ticks
        self.done.failures += fail > 0

    def _look_on_the_way(self) -> None:
        __tracebackhide__ = True
        for _ in range(self._looks):
            place = self.guest.image.function(self._random.choice(_ENTRANCES))
            for _ in range(self._random.randrange(1, 10)):
                if not self._run_to(place):
                    return
            self._look()

    def _run_to(self, place: int) -> bool:
        """Runs to `place`, or to the end of the leg, to which it then must still run; returns False if that came first."""
        __tracebackhide__ = True
        machine, end = self.guest.machine, self.guest.image.va(CHECKPOINT)
        for va in (place, end):
            machine.insert_breakpoint(va)
        stop = self.guest.last_stop = machine.run()
        if stop.kind is not StopKind.BREAKPOINT:
            unexpected_end(self.guest, stop, "storms of processes")
        machine.remove_breakpoint(place)
        return stop.pc == place

    def _look(self) -> None:
        __tracebackhide__ = True
        check_frames(self.guest)
        check_all_areas(self.guest)
        self.done.looks += 1

    def _check_end(self, ends: int, what: str) -> None:
        """Checks the end. `ends` is how many children of the monitor had ended before the leg, in which `what` was done."""
        __tracebackhide__ = True
        if self.guest.last_stop is None or self.guest.last_stop.pc != self.guest.image.va(CHECKPOINT):
            self.guest.run_to("leg")
        pid = next(f.values["pid"] for f in reversed(self.guest.facts("process")) if f.values["program"] == "stress")
        seen = {f.values["pid"]: f for f in self.guest.facts("exit")[ends:]}
        expect(pid in seen, "wrong-answer", f"process {pid} ends: {what}", f"these do: {', '.join(seen)}")
        wrong = [fact.line for fact in seen.values() if fact.values["status"] in _WRONG]
        expect(not wrong, "wrong-result", f"nobody finds anything wrong: {what}", ", ".join(wrong))
        self._look()
        frames = check_frames(self.guest).frames
        wanted = f"the {len(self._before)} frames are in use that were before: {what}"
        expect(frames == self._before, "frames-leaked", wanted, f"{len(frames)} are, not all of them the same")

    def _number(self, variable: tuple[str, str]) -> int:
        va, size = self.guest.image.hidden_place(*variable)
        return self.guest.read_word(va - self.guest.offset, size)


def run_soak(tree: Tree, console: Console, seconds: int) -> int:
    """Soaks both ISAs concurrently for so many seconds, and shows what was done. Returns 1 if something was wrong.

    Raises LadderError if the kernel of this tree cannot be soaked.
    """
    if tree.lab < _FORK:
        raise LadderError(f"processes fork from lab {_FORK} on, and this tree is of lab {tree.lab}")
    folder = prepare(tree, tree.lab)
    kernels = [build_kernel(folder, isa) for isa in tree.isas]
    seed = random.randrange(1 << 31)
    console.print(f"soaking {' and '.join(tree.isas)} for {seconds} s, from seed {seed} ...")
    with ThreadPoolExecutor(len(kernels)) as pool:
        results = list(pool.map(lambda kernel: _soak(kernel, seconds, seed), kernels))
    _show(console, [done for done, _ in results])
    wrong = [f"{done.isa}, leg {done.legs + 1}: {failure}" for done, failure in results if failure]
    for line in wrong:
        console.print(line, markup=False)
    return 1 if wrong else 0


def _soak(kernel: Kernel, seconds: int, seed: int) -> tuple[Soak, Failure | None]:
    end, done = time.monotonic() + seconds, Soak(kernel.isa)
    try:
        while time.monotonic() < end:
            with SoakGuest(kernel, seed + done.legs, done) as soak:
                for _ in range(_LEGS_OF_ONE_GUEST):
                    if time.monotonic() < end:
                        soak.leg()
    except Failure as failure:
        return done, failure
    return done, None


def _show(console: Console, soaks: Sequence[Soak]) -> None:
    table = Table()
    columns = ("seconds", "legs", "rounds", "processes", "ticks", "looks", "failures")
    for column in ("ISA", *columns):
        table.add_column(column, justify="left" if column == "ISA" else "right")
    for soak in soaks:
        table.add_row(soak.isa, *(f"{getattr(soak, column):.0f}" for column in columns))
    console.print(table)
