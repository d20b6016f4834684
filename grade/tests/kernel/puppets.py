"""A guest in which many processes run user/tests/vmascript.cc, and each does what it is told, when it is told.

One of them, the nursery, is there from beginning to end and starts others. Whoever stands where the program asks for
operations is given some, or gives the CPU away until it is its turn.
"""

from collections.abc import Callable, Sequence
from typing import Self

from area_model import AreaModel, Operation
from area_script import AreaScript

from grade.boot.frame_records import fail_allocation, frame_records
from grade.boot.process_slots import ProcessSlot, process_slots
from grade.boot.user_image import user_image
from grade.checks.user_memory import read_user, write_user
from grade.diagnosis.diagnose import unexpected_end
from grade.guest.guest import Guest
from grade.ladder.build import Kernel
from grade.machine.stop import StopKind
from grade.results.failure import expect
from grade.tests.kernel.census import take_census

PROGRAM = "vmascript"

_MOST_STOPS = 400  # until it is a process's turn; there are a few processes
_STATUS = 64  # bytes after the program's name
_DIRTY = 4 << 20  # bytes of each zone: more than a family uses
_OF_NEW_CHILD = 1  # operations that nobody told it: its parent's fork


class Puppet(AreaScript):
    """A process wherever it was when the guest was stopped, with the checks of its memory by a model."""

    def __init__(self, stage: "Stage", slot: ProcessSlot, model: AreaModel | None = None) -> None:
        """Takes the process as it is: unlike its base, runs nothing."""
        self._meet(stage.guest)
        self.slot, self.model = slot, model or AreaModel([], 0, 0, stage.guest.layout.user, 0)


class Stage:
    """The guest. A context manager; after a failure it is of no more use."""

    def __init__(self, kernel: Kernel) -> None:
        self.guest = Guest(kernel, f"checkpoint ready\nrun {PROGRAM}", cpu_budget=600.0, idle_backstop=20.0)
        self.program = user_image(self.guest.image.elf, PROGRAM)
        self._call = self.program.va("call_comes")
        self._asking = 0  # the process that asks for operations where the guest has stopped
        self._told: dict[int, int] = {}  # how many operations each process was told to do
        self._results: dict[int, list[int]] = {}

    def __enter__(self) -> Self:
        self.guest.machine.start()
        self.guest.run_to("ready")
        _make_dirty(self.guest)
        self._go_on()
        self.nursery = self._asking
        self.before = take_census(self.guest)
        return self

    def __exit__(self, *_: object) -> None:
        self.guest.machine.close()

    def slots(self) -> dict[int, ProcessSlot]:
        """Returns the processes there are, by number."""
        return {slot.pid: slot for slot in process_slots(self.guest)}

    # --- telling processes what to do ---

    def start(self) -> int:
        """Has the nursery start a process; its number. It stands where it asks for its first operations."""
        __tracebackhide__ = True
        self._told.clear()
        self._results.clear()
        (pid,) = self.play(self.nursery, [Operation("spawn", (self.write_name(self.nursery), 0))])
        expect(pid > 0, "wrong-answer", "the nursery can start a process", f"spawn returns {pid}")
        self._run_to_call(pid)
        self._results.clear()
        return pid

    def end(self, pid: int) -> int:
        """Has the nursery wait for the end of a process that it has started; the status."""
        __tracebackhide__ = True
        status = self.program.va("g_strings") + _STATUS
        (result,) = self.play(self.nursery, [Operation("wait4", (pid, status))])
        expect(result == pid, "wrong-answer", f"wait4 returns the child {pid}", f"{result}")
        return int.from_bytes(read_user(self.guest, self.slots()[self.nursery].root, status, 4), "little")

    def play(self, pid: int, operations: Sequence[Operation], fail: int = 0) -> list[int]:
        """Has `pid` do all of it, and returns the results. The guest then stands where it asks for more.

        If `fail` is not 0, allocation number `fail` from now on will fail.
        """
        __tracebackhide__ = True
        self.tell(pid, operations, fail)
        return self.await_results(pid)

    def tell(self, pid: int, operations: Sequence[Operation], fail: int = 0) -> None:
        """Has `pid` begin; the guest runs to its next stop, wherever that is."""
        __tracebackhide__ = True
        self._run_to_call(pid)
        self._hand_over(pid, operations)
        fail_allocation(self.guest, fail)
        self._go_on()

    def await_results(self, pid: int) -> list[int]:
        """Returns the results of what `pid` was told last. A child of fork has one operation behind it that nobody told it."""
        __tracebackhide__ = True
        self.run_until(lambda: pid in self._results, f"process {pid} does what it was told")
        return self._results.pop(pid)

    def has_results(self, pid: int) -> bool:
        """Returns whether `pid` has done what it was told."""
        return pid in self._results

    def write_name(self, pid: int) -> int:
        """Puts the program's name where `pid` can give it to the kernel; the address."""
        __tracebackhide__ = True
        name = self.program.va("g_strings")
        write_user(self.guest, self.slots()[pid].root, name, PROGRAM.encode() + b"\0")
        return name

    def run_until(self, reached: Callable[[], bool], what: str) -> None:
        """Runs from stop to stop until something is so."""
        __tracebackhide__ = True
        for _ in range(_MOST_STOPS):
            if reached():
                return
            self._hand_over(self._asking, [Operation("sched_yield", ())])
            self._told[self._asking] = 0  # nobody wants to know what came of it
            self._go_on()
        seen = ", ".join(map(str, self.slots().values()))
        expect(False, "hang", what, f"after {_MOST_STOPS} stops that is not so: {seen}")

    # --- how ---

    def _run_to_call(self, pid: int) -> None:
        __tracebackhide__ = True
        self.run_until(lambda: self._asking == pid, f"process {pid} asks for operations")

    def _hand_over(self, pid: int, operations: Sequence[Operation]) -> None:
        __tracebackhide__ = True
        Puppet(self, self.slots()[pid]).hand_over(operations)
        self._told[pid] = len(operations)

    def _go_on(self) -> None:
        """Runs to the next stop, and takes note of results."""
        __tracebackhide__ = True
        machine = self.guest.machine
        machine.insert_breakpoint(self._call)
        stop = self.guest.last_stop = machine.run()
        if stop.kind is not StopKind.BREAKPOINT or stop.pc != self._call:
            unexpected_end(self.guest, stop, "a process asks for operations")
        running = next(slot for slot in process_slots(self.guest) if slot.state == "running")
        self._asking = running.pid
        if count := self._told.pop(running.pid, _OF_NEW_CHILD):
            self._results[running.pid] = Puppet(self, running).results(count)


def _make_dirty(guest: Guest) -> None:
    """Fills frames that were never handed out: they hold something from the first time on, as others do later."""
    for frames in frame_records(guest).never_used:
        guest.machine.write_physical(frames.start, b"\xa5" * _DIRTY)
