"""Waits until something stops a running guest, and reports what it was."""

import select
import time
from dataclasses import dataclass, replace

from grade.machine.channel import ANSWER_TIMEOUT
from grade.machine.circle import Circle, CircleSearch, circle_of
from grade.machine.gdb_remote import GdbError, GdbRemote, StopReply
from grade.machine.process_times import SleepMeter, cpu_time
from grade.machine.qemu_process import QemuProcess
from grade.machine.qmp import QmpClient
from grade.machine.serial_line import SerialLine
from grade.machine.stop import AT_PROMPT, Stop, StopKind

# How often to check the clocks and empty the serial pipe, when nothing else happens (milliseconds).
# The pipe holds 64 KiB, so a guest that prints fast rarely waits.
_TICK_MS = 10
# The same while the caller waits for text, where each tick is a delay.
_TICK_FOR_TEXT_MS = 1

# How many seconds a guest must be asleep at its prompt: long enough for what it has in flight, and for ticks.
_ASLEEP_AT_PROMPT = 1.0

# How many seconds of CPU time lie between two checks of a guest that runs.
_BETWEEN_LOOKS = 0.4

# After how many seconds without one instruction a guest that sleeps is looked at. Ticks come a hundred times as often.
_UNDISTURBED = 1.0

_LOOK = Stop(StopKind.PAUSED, None, "it is time to look whether the guest runs in a circle")
_LOOK_ASLEEP = Stop(StopKind.PAUSED, None, "it is time to look whether anything can wake the guest", asleep=True)

_SHUTDOWN = "SHUTDOWN"  # QMP's event, which comes before the stop

# gdb's signal numbers, as QEMU uses them.
_INTERRUPTED, _SHUT_DOWN, _TRAP = 2, 3, 5


@dataclass(frozen=True)
class Limits:
    """What a guest may use, in seconds and bytes."""

    cpu: float  # QEMU's CPU time since it started
    idle: float  # time asleep since the last output, in one run
    prompt: str  # as the last output it says that the guest waits for input; empty if nothing does
    wall: float  # time by the clock, in one run
    serial_bytes: int


class RunWatcher:
    """Watches one machine while its guest runs."""

    def __init__(self, process: QemuProcess, gdb: GdbRemote, qmp: QmpClient, serial: SerialLine, limits: Limits) -> None:
        self._process = process
        self._gdb = gdb
        self._qmp = qmp
        self._serial = serial
        self._limits = limits
        self._sleep = SleepMeter(process.pid)
        self._look_at = _BETWEEN_LOOKS
        self._begin()
        self._poller = select.poll()
        # If QEMU dies, these reach their end, which also wakes the poll.
        self._poller.register(process.gdb, select.POLLIN)
        self._poller.register(process.qmp, select.POLLIN)

    def run(self, until: str | None, search: CircleSearch | None) -> Stop:
        """Resumes the guest and waits for its stop, as wait() does.

        With `search` it is also a stop that the guest runs in a circle, or sleeps and cannot be woken.
        """
        self._begin()
        self._gdb.resume()
        known: Circle | None = None
        while (stop := self._wait(until, look=search is not None)) in (_LOOK, _LOOK_ASLEEP) and search is not None:
            if stop == _LOOK_ASLEEP:
                interrupts = search.registers.interrupts
                if interrupts.of(self._gdb.read_general_registers()) != interrupts.wanted:
                    return Stop(StopKind.HANG, None, "the CPU waits with interrupts off, and nothing wakes it", asleep=True)
                self._sleep.disturb()
                self._gdb.resume()
                continue
            other, seen = self._circle(search)
            if other is not None:
                return other
            if seen is not None and seen == known:
                what = f"{len(seen)} instructions" if len(seen) > 1 else "instruction"
                detail = f"the CPU executes the same {what} for ever: interrupts are off, and no register changes"
                return Stop(StopKind.HANG, None, detail)
            known = seen
            self._sleep.reset()  # it was busy
            self._gdb.resume()
        return stop

    def wait(self, *, cpu_limit: bool = True) -> Stop:
        """Waits for the stop of a guest that was just resumed; `pc` is left None.

        Without `cpu_limit`, the CPU time does not end the wait. Raises TimeoutError, GdbError or OSError if
        QEMU misbehaves; a QEMU that has ended is an ordinary stop.
        """
        self._begin()
        return self._wait(None, cpu_limit=cpu_limit)

    def _begin(self) -> None:
        """Begins to count what the guest may use in one run."""
        self._started = time.monotonic()
        self._sleep.reset()

    def _wait(self, until: str | None, *, cpu_limit: bool = True, look: bool = False) -> Stop:
        """Waits like wait(); the text `until` on the serial line also ends it and, with `look`, _LOOK now and then."""
        try:
            seen = self._watch(until, cpu_limit, look)
            if isinstance(seen, StopReply):
                return self._explain(seen, None)
            self._gdb.interrupt()
            return self._interrupted(seen)
        except (ConnectionError, ProcessLookupError):
            return self.explain_exit()

    def _interrupted(self, seen: Stop) -> Stop:
        try:
            return self._explain(self._await_stop_reply(), seen)
        except TimeoutError:
            if (stop := self._stopped_by_itself()) is None:
                raise
            return stop

    def use_up_budget(self) -> None:
        """Takes away the rest of the CPU time: from now on a wait ends within moments."""
        self._limits = replace(self._limits, cpu=0.0)

    def explain_exit(self) -> Stop:
        """Returns the stop of a QEMU that has closed its connections."""
        self._serial.drain()
        if (end := self._process.wait(ANSWER_TIMEOUT)) is None:
            return Stop(StopKind.EXITED, None, "QEMU closed its connections but did not end", from_outside=True)
        return Stop(StopKind.EXITED, None, str(end), from_outside=end.is_from_outside)

    def _circle(self, search: CircleSearch) -> tuple[Stop | None, Circle | None]:
        """Returns the stop, if something else stops the guest, which has just been paused, and the circle in which it runs."""
        stop = None

        def step() -> dict[str, int] | None:
            nonlocal stop
            self._gdb.step()
            stepped = self._wait(None, cpu_limit=False)
            if stepped.kind is not StopKind.BREAKPOINT:
                stop = stepped
                return None
            return here()

        def here() -> dict[str, int] | None:
            registers = self._gdb.read_general_registers()
            return None if registers[search.registers.pc] in search.breakpoints else registers

        first = here()
        seen = circle_of(first, step, search.registers.interrupts) if first is not None else None
        return stop, seen

    def _watch(self, until: str | None, cpu_limit: bool, look: bool) -> StopReply | Stop:
        """Returns the guest's own stop, or the stop that we must now bring about."""
        tick = _TICK_MS if until is None else _TICK_FOR_TEXT_MS
        while True:
            if reply := self._next_reply(tick):
                return reply
            if until is not None and self._serial.find(until):
                return Stop(StopKind.OUTPUT, None, f"the guest printed {until!r}")
            if ended := self._shut_down():
                return ended
            if reason := self._limit_reached(time.monotonic() - self._started, cpu_limit):
                return reason
            if look and (used := cpu_time(self._process.pid)) > self._look_at:
                self._look_at = used + _BETWEEN_LOOKS
                return _LOOK
            if look and self._sleep.undisturbed > _UNDISTURBED:
                return _LOOK_ASLEEP

    def _next_reply(self, tick: int) -> StopReply | None:
        """Waits up to `tick` milliseconds for a stop reply, and empties everything that QEMU writes to."""
        self._poller.poll(tick)
        self._qmp.collect_events()
        reply = self._gdb.poll_stop()
        if self._serial.drain():
            self._sleep.reset()
        return reply

    def _limit_reached(self, elapsed: float, cpu_limit: bool) -> Stop | None:
        limits = self._limits
        self._sleep.sample()
        if self._serial.flooded:
            return Stop(StopKind.FLOOD, None, f"the guest printed more than {limits.serial_bytes} bytes")
        if cpu_limit and cpu_time(self._process.pid) > limits.cpu:
            return Stop(StopKind.HANG, None, f"QEMU used up its {limits.cpu:g} s of CPU time")
        if self._sleep.seconds > limits.idle:
            return Stop(StopKind.HANG, None, f"the guest slept for {limits.idle:g} s and printed nothing", asleep=True)
        if limits.prompt and self._sleep.seconds > _ASLEEP_AT_PROMPT and self._serial.ends_with(limits.prompt):
            return Stop(StopKind.HANG, None, AT_PROMPT, asleep=True)
        if elapsed > limits.wall:
            return Stop(StopKind.HANG, None, f"nothing stopped the guest within {limits.wall:g} s")
        return None

    def _await_stop_reply(self) -> StopReply:
        deadline = time.monotonic() + ANSWER_TIMEOUT
        while time.monotonic() < deadline:
            if reply := self._next_reply(_TICK_MS):
                return reply
        raise TimeoutError(f"QEMU did not stop the guest within {ANSWER_TIMEOUT:g} s")

    def _stopped_by_itself(self) -> Stop | None:
        """Returns the stop of a QEMU that says that the guest does not run, and has told gdb nothing of it."""
        status = self._qmp.execute("query-status")["status"]
        return None if status == "running" else Stop(StopKind.PAUSED, None, f"QEMU has paused the guest by itself: {status}")

    def _explain(self, reply: StopReply, asked: Stop | None) -> Stop:
        """Names the stop. `asked` is the one we asked for; the guest's own stop may have come first."""
        if reply.exited:
            return self.explain_exit()
        if reply.signal == _SHUT_DOWN:
            self._qmp.wait_event(_SHUTDOWN)
        if ended := self._shut_down():
            return ended
        if reply.signal == _INTERRUPTED:
            return asked or Stop(StopKind.PAUSED, None, "the caller asked for it")
        if reply.signal != _TRAP:
            if (stop := self._stopped_by_itself()) is None:
                raise GdbError(f"the guest stopped with the unexpected signal {reply.signal}")
            return stop
        if reply.watched is not None:
            return Stop(StopKind.WATCHPOINT, None, f"a write to {reply.watched:#x}", reply.watched)
        return Stop(StopKind.BREAKPOINT, None, "a breakpoint")

    def _shut_down(self) -> Stop | None:
        """Returns the stop of a guest that has ended the machine; known by the event alone.

        QEMU sends one stop reply. Where something else stops the guest at the moment of its end, the reply says that, and
        none comes for the end, however often the guest is resumed.
        """
        event = self._qmp.events.get(_SHUTDOWN)
        return None if event is None else _explain_shutdown(event["reason"])


def _explain_shutdown(reason: str) -> Stop:
    """Returns the stop for `reason`, which is QMP's ShutdownCause."""
    if reason == "guest-shutdown":
        return Stop(StopKind.POWERED_OFF, None, "the guest powered the machine off")
    if reason == "guest-reset":
        return Stop(StopKind.RESET, None, "the guest reset the machine, by a triple fault or by request")
    return Stop(StopKind.RESET, None, f"the machine stopped for good: {reason}")
