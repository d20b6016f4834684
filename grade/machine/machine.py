"""One guest machine, from before its first instruction to its post-mortem.

    with Machine(isa, kernel, parameters) as machine:
        machine.insert_breakpoint(symbols["checkpoint_reached"])
        stop = machine.run()

The guest runs only inside `run` and `step`; between them nothing moves and
everything can be examined. Once QEMU has misbehaved the machine is broken,
and every later call raises the first reason.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from enum import Enum
from pathlib import Path
from typing import Any, Self

from grade.isa import isa_called
from grade.machine.boot_parameters import BootParameters
from grade.machine.channel import Channel
from grade.machine.circle import CircleSearch
from grade.machine.cpu_registers import CpuRegisters
from grade.machine.deed import Deed, Deeds
from grade.machine.facts import Fact, parse_facts
from grade.machine.gdb_remote import GdbRemote
from grade.machine.process_times import cpu_time
from grade.machine.qemu_process import GuestSetup, QemuProcess
from grade.machine.qemu_version import require, sandbox_of
from grade.machine.qmp import QmpClient
from grade.machine.run_watcher import Limits, RunWatcher
from grade.machine.serial_line import SerialLine
from grade.machine.sparse_file import copy_sparse
from grade.machine.stale_ram import StaleRam
from grade.machine.stop import Stop, StopKind
from grade.walker.memory import MappedMemory, OutsideMemory


class MachineError(Exception):
    """The machine cannot do what was asked in its present state."""


class MachineBroken(MachineError):
    """QEMU did not start, vanished or misbehaved; the machine is of no more use."""


class State(Enum):
    """Where a machine is in its life."""

    NEW = "not started"
    PAUSED = "paused"
    RUNNING = "running"
    ENDED = "frozen after its end"  # powered off or reset: can be examined, not run
    GONE = "without its QEMU"  # only the RAM and the serial text are left
    BROKEN = "broken"
    CLOSED = "closed"


_RUNNABLE = (State.PAUSED,)
_INSPECTABLE = (State.PAUSED, State.ENDED)
_STARTED = tuple(state for state in State if state is not State.NEW)
# A timer that expires just when a step begins makes QEMU 7.2 end the step before the instruction.
_STEP_TRIES = 8
# What QEMU may take while the guest runs: a hundred times what it needs. The RAM and room for code it has by then.
_MORE_MEMORY = 1 << 30
_RAM_IS_THERE = (State.PAUSED, State.RUNNING, State.ENDED, State.GONE)


class Machine:
    """A guest in QEMU. Use it as a context manager, or call `start` and `close`.

    Methods raise MachineError in a state that does not allow them, MachineBroken if QEMU fails.
    The thread that starts a machine must live as long as the machine does.
    """

    def __init__(
        self,
        isa: str,
        kernel: Path,
        parameters: BootParameters,
        *,
        ram_mib: int = 128,
        cpu: str | None = None,
        el2: bool = False,
        cpu_budget: float = 3.0,
        idle_backstop: float = 2.0,
        wall_backstop: float = 120.0,
        flood_limit: int = 4 << 20,
        prompt: str = "",
        keep: Path | None = None,
    ) -> None:
        """Describes the machine; nothing is started yet.

        `cpu_budget` is QEMU's CPU time since the start, `idle_backstop` the time asleep since the last
        output, `wall_backstop` the elapsed time of one `run`, all in seconds. `flood_limit` is in bytes of
        serial text; the file `keep` gets a copy of that text. A guest that sleeps, and whose last output is
        `prompt`, is idle after a second. Raises ValueError for an unknown ISA, and for `el2` where the ISA has
        none.
        """
        self.isa = isa_called(isa)
        if el2 and self.isa.board.el2_option is None:
            raise ValueError(f"{isa} has no EL2")
        self.kernel = kernel
        self.parameters = parameters
        self._ram_bytes = ram_mib << 20
        self._cpu = cpu or self.isa.board.cpu
        self._el2 = el2
        self._limits = Limits(cpu_budget, idle_backstop, prompt, wall_backstop, flood_limit)
        self._keep = keep
        self._state = State.NEW
        self._why_broken = ""
        self._breakpoints: set[int] = set()
        self._last_stop_pc: int | None = None
        self.breakpoint_stops: list[int] = []
        """The addresses of the breakpoints at which the guest has stopped, in order."""
        self.sandbox: tuple[str, ...] = ()
        """What QEMU is started in: GuestSetup.sandbox. To be set before the start, as the next two."""
        self.plugin = ""
        """GuestSetup.plugin."""
        self.inherited: tuple[int, ...] = ()
        """Descriptors that the plugin's options name."""
        self.stale = StaleRam(0, 0)
        """GuestSetup.stale. To be set before the start, as the three above."""
        self.deeds = Deeds()
        """What was done to the guest from outside."""

    # Life

    def start(self) -> Self:
        """Starts QEMU; the guest is paused before its first instruction.

        Raises ToolMissing, ToolTooOld, ValueError if the boot parameters do not fit, OSError, and
        MachineBroken with QEMU's own words, for example about a bad kernel file.
        """
        self._demand(State.NEW)
        process = QemuProcess(self._setup())
        limit = self._limits.serial_bytes
        try:
            serial = SerialLine(process.serial_out, process.serial_in, limit, self._keep)
        except BaseException:
            process.close()
            raise
        self._process, self._serial = process, serial
        self._connect()
        self.memory = MappedMemory(process.ram, self.isa.board.ram_base)
        return self

    def close(self) -> None:
        """Kills QEMU and frees its memory. Does nothing the second time, or before the start."""
        if self._state in (State.NEW, State.CLOSED):
            return
        if self._state is not State.BROKEN:
            self._serial.drain()
        self._serial.close()
        self._process.close()
        self._state = State.CLOSED

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def looks_for_circles(self) -> bool:
        """Whether a guest that runs round in a circle is stopped before its CPU time is used up."""
        return True

    @property
    def state(self) -> State:
        """Where the machine is in its life."""
        return self._state

    @property
    def pid(self) -> int:
        """QEMU's process id."""
        self._demand(*_STARTED)
        return self._process.pid

    # Running

    def run(self, until: str | None = None) -> Stop:
        """Lets the guest run until something stops it.

        With `until`, that text on the serial line also stops it; the search begins where the last such search
        ended. A guest paused by a limit may be run again, but a limit of CPU time or serial text is used up
        for good.
        """
        with self._using_qemu(*_RUNNABLE):
            try:
                return self._run(until)
            except ConnectionError:
                return self._stopped(self._watcher.explain_exit())

    def step(self) -> Stop:
        """Lets the guest run one instruction, with interrupts held back. The CPU budget does not count."""
        with self._using_qemu(*_RUNNABLE):
            return self._step()

    def execute(self, code: bytes, registers: Mapping[str, int]) -> dict[str, int]:
        """Has the CPU execute one instruction of ours with these registers set, and returns the registers after it.

        Memory and registers then are what they were. The instruction must not fault and not go elsewhere.
        """
        before, stopped_at = self.registers(), self._last_stop_pc
        pc = before[self.isa.registers.pc]
        with self._using_qemu(*_RUNNABLE):
            replaced = self._gdb.read_memory(pc, len(code))
            self._gdb.write_memory(pc, code)
        for name, value in registers.items():
            self.write_register(name, value)
        for _ in range(_STEP_TRIES):
            stop = self.step()
            if stop.kind is not StopKind.STEP or stop.pc != pc:
                break
        after = self.registers()
        for name in (*self.isa.registers.general, self.isa.registers.pc):
            if after[name] != before[name]:
                self.write_register(name, before[name])
        with self._using_qemu(*_RUNNABLE):
            self._gdb.write_memory(pc, replaced)
        self._last_stop_pc = stopped_at
        if stop.kind is not StopKind.STEP or stop.pc != pc + len(code):
            raise MachineError(f"an instruction of the grader's at {pc:#x} ended in {stop.kind.name} at {stop.pc or 0:#x}")
        return after

    def interrupt(self) -> None:
        """Makes a `run` in another thread return, with StopKind.PAUSED. Does nothing if none runs."""
        if self._state is State.RUNNING:
            self._gdb.interrupt()

    def pause(self) -> Stop:
        """Stops a guest that an exception, such as KeyboardInterrupt, has left running."""
        with self._using_qemu(State.RUNNING):
            self._gdb.interrupt()
            return self._stopped(self._watcher.wait())

    def use_up_budget(self) -> None:
        """Counts the CPU time as used up, for a caller that has seen enough: a later `run` lasts a moment."""
        self._demand(*_RUNNABLE)
        self._watcher.use_up_budget()

    def insert_breakpoint(self, va: int) -> None:
        """Makes the guest stop before the instruction at `va`, in every address space. Twice is the same as once."""
        with self._using_qemu(*_RUNNABLE):
            if va not in self._breakpoints:
                self._gdb.insert_breakpoint(va, self.isa.board.breakpoint_bytes)
                self._breakpoints.add(va)

    def remove_breakpoint(self, va: int) -> None:
        """Removes the breakpoint at `va`, if there is one."""
        with self._using_qemu(*_INSPECTABLE):
            if va in self._breakpoints:
                self._gdb.remove_breakpoint(va, self.isa.board.breakpoint_bytes)
                self._breakpoints.remove(va)

    def insert_watchpoint(self, va: int, size: int) -> None:
        """Makes the guest stop after a write to one of the `size` bytes at `va`, in every address space."""
        with self._using_qemu(*_RUNNABLE):
            self._gdb.insert_watchpoint(va, size)

    def remove_watchpoint(self, va: int, size: int) -> None:
        """Removes the watchpoint that was inserted with the same arguments. Raises GdbError."""
        with self._using_qemu(*_INSPECTABLE):
            self._gdb.remove_watchpoint(va, size)

    # Looking

    def registers(self) -> dict[str, int]:
        """Returns the general registers and the system registers of the platform, by their small names.

        Registers wider than 64 bits are left out, and system registers that this CPU does not have.
        """
        with self._using_qemu(*_INSPECTABLE):
            return self._registers.all()

    def read_register(self, name: str) -> int:
        """Returns one of all the registers that QEMU offers. Raises KeyError if there is no such register."""
        with self._using_qemu(*_INSPECTABLE):
            return self._registers.read(name)

    def cpu_property(self, name: str) -> Any:
        """Returns a property of QEMU's model of the CPU, such as whether it has a feature. Raises QmpError."""
        with self._using_qemu(*_INSPECTABLE):
            cpu = self._qmp.execute("query-cpus-fast")[0]["qom-path"]
            return self._qmp.execute("qom-get", path=cpu, property=name)

    def write_register(self, name: str, value: int) -> None:
        """Sets one register. Raises KeyError if there is none, MachineError if it keeps another value.

        QEMU 7.2 acknowledges every write to one of Arm's system registers, and ignores it.
        """
        with self._using_qemu(*_RUNNABLE):
            if (kept := self._registers.write(name, value)) != value:
                raise MachineError(f"QEMU does not set {name} to {value:#x}: it is {kept:#x}")

    def read_virtual(self, va: int, size: int) -> bytes:
        """Reads virtual memory as the CPU would see it now. Raises GdbError if a page is not mapped."""
        with self._using_qemu(*_INSPECTABLE):
            return self._gdb.read_memory(va, size)

    def gva2gpa(self, va: int) -> int | None:
        """Returns what QEMU's own walk makes of `va` now, or None if it is not mapped."""
        with self._using_qemu(*_INSPECTABLE):
            answer = self._qmp.human_monitor_command(f"gva2gpa {va:#x}").strip()
        return int(answer.removeprefix("gpa: "), 16) if answer.startswith("gpa: ") else None

    def read_physical(self, pa: int, size: int) -> bytes:
        """Reads guest RAM. Raises OutsideMemory. Also works while QEMU is frozen or gone."""
        self._demand(*_RAM_IS_THERE)
        return self.memory.read(pa, size)

    def write_physical(self, pa: int, data: bytes) -> None:
        """Writes guest RAM; the guest sees it at once. Raises OutsideMemory."""
        self._demand(*_RAM_IS_THERE)
        start = pa - self.isa.board.ram_base
        if start < 0 or start + len(data) > self._ram_bytes:
            raise OutsideMemory(pa)
        self._process.ram[start : start + len(data)] = data

    def save_ram(self, path: Path) -> None:
        """Copies guest RAM to a file, with holes where the guest never wrote. Raises OSError."""
        self._demand(*_RAM_IS_THERE)
        copy_sparse(self._process.ram_file, path)

    def human_monitor_command(self, line: str) -> str:
        """Runs one line of QEMU's human monitor and returns what it prints. Raises QmpError."""
        with self._using_qemu(*_INSPECTABLE):
            return self._registers.human_monitor_command(line)

    def cpu_time(self) -> float:
        """Returns the CPU time in seconds that QEMU has used since it started."""
        with self._using_qemu(State.PAUSED, State.RUNNING, State.ENDED):
            return cpu_time(self._process.pid)

    # The serial line

    def serial(self) -> str:
        """Returns all that the guest has printed so far, also after `close`."""
        self._demand(*_STARTED)
        return self._serial.text()

    def facts(self) -> list[Fact]:
        """Returns the facts that the guest has printed so far, in order."""
        return parse_facts(self.serial())

    def send(self, text: str) -> None:
        """Types `text` on the serial line; the guest gets it when it next runs and reads."""
        with self._using_qemu(State.PAUSED, State.RUNNING):
            self._serial.send(text)
            self.note_deed(None, text.encode())

    def note_deed(self, va: int | None, data: bytes) -> None:
        """Remembers what was just written at `va` (as the CPU translates it now), or typed if `va` is None."""
        self.deeds.note(Deed(len(self.breakpoint_stops), va, data))

    # How it is done

    def _setup(self) -> GuestSetup:
        """Returns what to start."""
        binary = require(self.isa.name)
        return GuestSetup(
            binary=binary,
            board=self.isa.board,
            kernel=self.kernel,
            parameters=self.parameters,
            ram_bytes=self._ram_bytes,
            cpu=self._cpu,
            el2=self._el2,
            stale=self.stale,
            options=sandbox_of(binary, binary.stat().st_mtime_ns),
            plugin=self.plugin,
            inherited=self.inherited,
            sandbox=self.sandbox,
        )

    def _connect(self) -> None:
        """Connects to QEMU; if that fails, ends it."""
        process = self._process
        self._qmp = QmpClient(Channel(process.qmp))
        self._gdb = GdbRemote(Channel(process.gdb))
        self._registers = CpuRegisters(self.isa, self._gdb, self._qmp)
        self._watcher = RunWatcher(process, self._gdb, self._qmp, self._serial, self._limits)
        self._state = State.PAUSED
        try:
            with self._using_qemu(State.PAUSED):
                self._qmp.negotiate()
                self._gdb.connect()
                process.limit_memory(_MORE_MEMORY)
        except BaseException:
            broken = self._state is State.BROKEN
            self.close()
            self._state = State.BROKEN if broken else State.CLOSED
            raise

    def _run(self, until: str | None) -> Stop:
        if until is not None and self._serial.find(until):
            return self._stopped(Stop(StopKind.OUTPUT, None, f"the guest had printed {until!r}"))
        if stop := self._step_off_breakpoint():
            return stop
        self._state = State.RUNNING
        self._registers.forget()
        search = CircleSearch(self.isa.registers, self._breakpoints) if self.looks_for_circles else None
        return self._stopped(self._watcher.run(until, search))

    def _step_off_breakpoint(self) -> Stop | None:
        """Steps past the breakpoint of the last stop, if there is one, at which QEMU would stop again at once.

        Returns the stop, if the step ended in more than a plain step.
        """
        pc = self._registers.pc()
        if pc != self._last_stop_pc or pc not in self._breakpoints:
            return None
        size = self.isa.board.breakpoint_bytes
        self._gdb.remove_breakpoint(pc, size)
        for _ in range(_STEP_TRIES):
            stop = self._step()
            if stop.kind is not StopKind.STEP or stop.pc != pc:
                break
        if stop.kind is not StopKind.EXITED:
            self._gdb.insert_breakpoint(pc, size)
        if stop.kind is not StopKind.STEP:
            return stop
        if stop.pc not in self._breakpoints:
            return None
        self.breakpoint_stops.append(stop.pc)
        return replace(stop, kind=StopKind.BREAKPOINT)

    def _step(self) -> Stop:
        self._state = State.RUNNING
        self._registers.forget()
        self._gdb.step()
        stop = self._watcher.wait(cpu_limit=False)
        if stop.kind is StopKind.BREAKPOINT:
            stop = Stop(StopKind.STEP, None, "one instruction")
        return self._stopped(stop)

    def _stopped(self, stop: Stop) -> Stop:
        """Records a stop and fills in where it was."""
        if stop.kind is StopKind.EXITED:
            self._state = State.GONE
            return stop
        self._state = State.ENDED if stop.kind.is_final else State.PAUSED
        self._last_stop_pc = self._registers.pc()
        if stop.kind is StopKind.BREAKPOINT:
            self.breakpoint_stops.append(self._last_stop_pc)
        return replace(stop, pc=self._last_stop_pc)

    def _demand(self, *allowed: State) -> None:
        if self._state in allowed:
            return
        if self._state is State.BROKEN:
            raise MachineBroken(self._why_broken)
        raise MachineError(f"the machine is {self._state.value}")

    @contextmanager
    def _using_qemu(self, *allowed: State) -> Iterator[None]:
        """Checks the state, and marks the machine as broken for good if QEMU fails."""
        self._demand(*allowed)
        try:
            yield
        except OSError as error:
            self._state = State.BROKEN
            self._why_broken = str(self._process.wait(0.5) or f"QEMU does not answer: {error}")
            raise MachineBroken(self._why_broken) from error
