"""A machine for people with a debugger: it can be handed over to GDB, recorded, and replayed.

A recording is what came to the guest from outside, with the number of the instruction at which it came (QEMU's
record/replay). It is a small file: the guest does the rest again by itself. A machine that replays it only goes forward;
to go back is to replay a new one up to an earlier instruction. (QEMU 7.2 has its own way back, from a snapshot: on one
ISA it hangs, on another it passes over watchpoints.)
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from threading import Thread

from grade.machine.machine import Machine, MachineBroken, MachineError, State
from grade.machine.qemu_process import GuestSetup
from grade.machine.qmp import QmpError
from grade.machine.stop import Stop, StopKind
from grade.walker import walker_for

_STEPS_BEHIND = 16
"""Instructions recorded after the wanted point: QEMU ends a recording with an event, which must come after that point."""
_SECONDS_TO_END = 10.0
_MOST_BYTES = 256 << 20
"""The most bytes of a recording. One second has some hundred KiB, but a CPU that faults for ever writes without end."""
_VERSION_SIZE = 4
_WRITE_ERROR = "replay write error"  # QEMU goes on without writing


class RecordMode(Enum):
    """The modes of QEMU's -icount rr=."""

    RECORD = "record"
    PLAY = "replay"


@dataclass(frozen=True)
class Recording:
    """The file of a recording, and whether it is written or replayed."""

    log: Path
    mode: RecordMode

    @property
    def options(self) -> tuple[str, ...]:
        """The options for QEMU's command line."""
        log = os.fspath(self.log).replace(",", ",,")
        return ("-icount", f"shift=auto,rr={self.mode.value},rrfile={log}", "-net", "none")


@dataclass(frozen=True)
class MemoryWrite:
    """One write to watched memory. `number` is how many instructions came before the one that writes."""

    number: int
    before: bytes
    after: bytes


class DebuggedMachine(Machine):
    """A machine that GDB can take over. With a `recording` it writes one, or replays it."""

    recording: Recording | None = None
    _screen: int | None = None
    _printer: Thread | None = None

    @property
    def looks_for_circles(self) -> bool:
        """False while a recording is made or replayed: nothing may step in between."""
        return self.recording is None

    def _setup(self) -> GuestSetup:
        setup = super()._setup()
        if self.recording is None:
            return setup
        # Only a serial line of QEMU's own is recorded. What is replayed was shown when it was recorded.
        if self.recording.mode is RecordMode.PLAY:
            return replace(setup, options=self.recording.options, serial="null")
        limits = ("prlimit", f"--fsize={_MOST_BYTES}")
        return replace(setup, options=self.recording.options, serial="stdio", limits=limits)

    def show_on(self, screen: int) -> None:
        """Sends what the guest prints to the descriptor `screen` at once. To be called after the start."""
        self._serial.copy_to(os.fdopen(os.dup(screen), "wb", buffering=0))
        self._screen = screen

    def hand_over(self, path: Path) -> None:
        """Lets GDB find the stopped guest at the socket `path`; from now on nothing can be asked here.

        Raises MachineError.
        """
        with self._using_qemu(State.PAUSED, State.ENDED):
            self._ask("gdbserver none")
            self._ask(f"gdbserver unix:{path},server=on,wait=off")
        if not path.is_socket():
            raise MachineError(f"QEMU opens no socket for GDB: {path}")
        if self._screen is not None:
            self._serial.drain()
            self._printer = Thread(target=_copy_all, args=(self._process.serial_out.fileno(), self._screen))
            self._printer.start()

    def end(self) -> None:
        """Ends QEMU after it has been handed over; by then everything that it printed has been shown."""
        self._process.kill()
        if self._printer is not None:
            self._printer.join()
        self.close()

    # Recordings

    def instruction_count(self) -> int:
        """Returns how many instructions the guest has executed. A recording must be made or replayed."""
        with self._using_qemu(State.PAUSED, State.ENDED):
            return int(self._qmp.execute("query-replay")["icount"])

    def break_at(self, number: int) -> None:
        """Makes the guest stop when so many instructions have been executed."""
        with self._using_qemu(State.PAUSED):
            self._qmp.execute("replay-break", icount=number)

    def run_to_instruction(self, number: int) -> Stop:
        """Replays until so many instructions have been executed, or until something else stops the guest."""
        if self.instruction_count() == number:
            return Stop(StopKind.PAUSED, None, "the guest is there")
        self.break_at(number)
        return self.run()

    def finish_recording(self) -> None:
        """Ends QEMU so that the recording is whole. Raises MachineBroken if it could not be written."""
        if (recording := self.recording) is None:
            raise MachineError("nothing is recorded")
        for _ in range(_STEPS_BEHIND):
            if self.state is not State.PAUSED:
                break
            self.step()
        with suppress(OSError, QmpError):
            self._qmp.execute("quit")
        end = self._process.wait(_SECONDS_TO_END)
        with recording.log.open("rb") as log:
            is_whole = any(log.read(_VERSION_SIZE))  # which QEMU writes last
        if end is not None and (_WRITE_ERROR in end.complaints or not is_whole):
            folder = recording.log.parent
            raise MachineBroken(f"the recording could not be written: {folder} has no room (TMPDIR names another folder)")
        if end is None or end.status != 0:
            raise MachineBroken(str(end or "QEMU does not end"))

    def writes(self, pa: int, size: int, vas: list[int], end: int) -> Iterator[MemoryWrite]:
        """Replays up to the instruction `end`; yields what is written to `size` bytes at `pa` through the addresses `vas`.

        The translation of an address may change on the way: only one that leads to `pa` at that time counts.
        """
        if not end:
            return
        self._watch(vas, size)
        self.break_at(end)
        known, leads_here = self.read_physical(pa, size), False
        last: int | None = None
        written: MemoryWrite | None = None
        while (stop := self.run()).kind is StopKind.WATCHPOINT:
            count, now = self.instruction_count(), self.read_physical(pa, size)
            if count == last:  # QEMU has stopped before the write, and would for ever (on Arm); else it stops after it
                now, written = self._step_over(pa, size, vas), None
                if leads_here:
                    yield MemoryWrite(count, known, now)
            else:
                if written is not None:
                    yield written
                leads_here = self._leads_to(stop.watched_va, pa)
                written = MemoryWrite(count - 1, known, now) if leads_here else None
            known, last = now, count
        if written is not None:
            yield written
        if stop.kind is not StopKind.PAUSED:
            raise MachineError(f"the recording went another way: {stop.detail}")

    def _step_over(self, pa: int, size: int, vas: list[int]) -> bytes:
        """Lets the guest write what is watched; returns what is there afterwards."""
        for va in vas:
            self.remove_watchpoint(va, size)
        self.step()
        self._watch(vas, size)
        return self.read_physical(pa, size)

    def _leads_to(self, va: int, pa: int) -> bool:
        walker = walker_for(self.isa.name, self.memory, self.registers())
        return (walker.walk(va).pa if walker.translation_on() else va) == pa

    def _watch(self, vas: list[int], size: int) -> None:
        for va in vas:
            self.insert_watchpoint(va, size)

    def _ask(self, line: str) -> None:
        self._qmp.execute("human-monitor-command", command_line=line)


def _copy_all(source: int, screen: int) -> None:
    """Shows what the guest prints as it comes, until QEMU ends."""
    os.set_blocking(source, True)
    while data := os.read(source, 65536):
        _show(data, screen)


def _show(data: bytes, screen: int) -> None:
    while data:
        data = data[os.write(screen, data) :]
