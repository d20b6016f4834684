"""Moving through a recording: go-to, reverse-continue, reverse-stepi. To go back is to replay it, up to an earlier point."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import gdb

from grade.gdb.command import address
from grade.gdb.facts import RecordingFacts
from grade.gdb.follow import Follower
from grade.gdb.guest import answer
from grade.guest.guest import Recipe, machine_of_kind
from grade.machine.debugged import DebuggedMachine, Recording, RecordMode
from grade.machine.machine import MachineError

_CPU_BUDGET, _IDLE_BACKSTOP = 60.0, 10.0  # to replay what took less
_COUNT = re.compile(r"instruction count = (\d+)")


class Timeline:
    """The recording, and the guest that replays it now."""

    def __init__(self, facts: RecordingFacts, follower: Follower) -> None:
        self.point = facts.point
        """Where the recording was stopped, by the number of instructions that came before."""
        self._facts, self._follower = facts, follower
        self._guest: DebuggedMachine | None = None
        self._numbers = count()

    def now(self) -> int:
        """Returns how many instructions the guest under GDB has executed."""
        found = _COUNT.search(answer("monitor info replay"))
        if found is None:
            raise gdb.GdbError("QEMU does not say where in the recording the machine is")
        return int(found[1])

    @contextmanager
    def playing(self) -> Iterator[DebuggedMachine]:
        """Yields another guest that replays the recording from the first instruction on."""
        with self._player() as machine:
            yield machine

    def go_to(self, number: int) -> None:
        """Gives GDB a guest that has executed so many instructions."""
        with self._follower.quiet():
            self._attach(lambda machine: machine.run_to_instruction(number))
        self._follower.stopped()

    def last_stop_before(self, end: int) -> int | None:
        """Returns where GDB's breakpoints and watchpoints last stopped the guest before `end`; None if nowhere."""
        last = None
        with self._follower.quiet():
            self._attach(lambda machine: machine.break_at(end))
            while True:
                gdb.execute("continue", to_string=True)
                here = self.now()
                if here >= end:
                    return last
                last = here

    def close(self) -> None:
        """Ends the guest."""
        if self._guest is not None:
            self._guest.end()
            self._guest = None

    def _player(self) -> DebuggedMachine:
        machine = machine_of_kind(DebuggedMachine, Recipe(**self._facts.recipe), _CPU_BUDGET, _IDLE_BACKSTOP)
        machine.recording = Recording(Path(self._facts.log), RecordMode.PLAY)
        return machine

    def _attach(self, prepare: Callable[[DebuggedMachine], object]) -> None:
        """Starts a new guest, lets `prepare` prepare it, and makes GDB leave the old one for it."""
        machine = self._player().start()
        try:
            prepare(machine)
            path = Path(self._facts.log).parent / f"gdb-{next(self._numbers)}"
            machine.hand_over(path)
            with suppress(gdb.error):
                gdb.execute("kill", to_string=True)
            self.close()
            gdb.execute(f"target remote {path}", to_string=True)
        except BaseException:
            machine.end()
            raise
        self._guest = machine


class _Travel(gdb.Command):
    """A command that takes the guest to another moment."""

    name = ""

    def __init__(self, timeline: Timeline) -> None:
        super().__init__(self.name, gdb.COMMAND_RUNNING)
        self._timeline = timeline

    def go(self, argument: str) -> str:
        """Goes there; returns what to say about it."""
        raise NotImplementedError

    def invoke(self, argument: str, from_tty: bool) -> None:
        """Runs the command for GDB."""
        try:
            said = self.go(argument)
        except (MachineError, gdb.error) as error:
            raise gdb.GdbError(f"{self.name}: {error}") from error
        gdb.write(f"{said}\n" if said else "")
        gdb.execute("frame")


class GoTo(_Travel):
    """go-to [N]: to where N instructions have been executed. Without N: to where the recording was stopped."""

    name = "go-to"

    def go(self, argument: str) -> str:
        """Goes there."""
        number = address(argument) if argument else self._timeline.point
        if not 0 <= number <= self._timeline.point:
            raise gdb.GdbError(f"go-to: the recording has the instructions 0 to {self._timeline.point}")
        self._timeline.go_to(number)
        return f"{number} instructions after the start" if argument else ""


class ReverseContinue(_Travel):
    """reverse-continue: back to the last breakpoint or watchpoint that stops the guest, or to its first instruction."""

    name = "reverse-continue"

    def go(self, argument: str) -> str:
        """Goes there."""
        end = self._timeline.now()
        last = self._timeline.last_stop_before(end)
        self._timeline.go_to(last or 0)
        return "" if last else "No breakpoint stopped the machine before: this is its first instruction."


class ReverseStep(_Travel):
    """reverse-stepi [N]: back by one instruction, or by N."""

    name = "reverse-stepi"

    def go(self, argument: str) -> str:
        """Goes there."""
        now = self._timeline.now()
        self._timeline.go_to(max(now - (address(argument) if argument else 1), 0))
        return ""
