"""One QEMU process, tied to this one: no files, no ports, and no way to outlive us.

QEMU inherits everything it shares with us: the guest's RAM and the boot
parameters are anonymous files in memory, QMP and gdb are socket pairs, and the
serial line is its standard input and output. Nothing has a name, so nothing can
clash with another run, and nothing is left over, whichever way we end.
"""

import json
import mmap
import os
import resource
import signal
import socket
import subprocess
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from grade.isa.board import Board
from grade.machine.boot_parameters import BootParameters
from grade.machine.stale_ram import StaleRam
from grade.pipes import input_of, output_of
from grade.tied import while_we_live

_ENDED_BY_SIGNAL = (signal.SIGINT, signal.SIGKILL, signal.SIGTERM)  # QEMU gives itself none of these
_OF_A_SHELL = 128  # with this much more a sandbox, or a shell, says as a status which signal it was
_NO_ROOM = ("Cannot allocate memory", "No space left")
"""What the C library says of a machine that lacks room; QEMU repeats it when it cannot start."""
# After a reset or a power-off the machine stays as it was, to be examined.
_FREEZE_AT_END = "reboot=shutdown,shutdown=pause,panic=pause"


@dataclass(frozen=True)
class GuestSetup:
    """What to start: a board, a kernel (ELF) and its memory."""

    binary: Path
    board: Board
    kernel: Path
    parameters: BootParameters
    ram_bytes: int
    cpu: str
    el2: bool
    stale: StaleRam = StaleRam(0, 0)
    """RAM that is not zero at first."""
    options: tuple[str, ...] = ()
    """More options of the command line."""
    plugin: str = ""
    """QEMU's -plugin, which is told besides where the RAM is; empty: none."""
    serial: str = "chardev:serial"
    """QEMU's -serial; `stdio` is the same pipes, by QEMU's own device."""
    limits: tuple[str, ...] = ()
    """A command that runs the one after it within limits."""
    inherited: tuple[int, ...] = ()
    """Descriptors that `options` name."""
    sandbox: tuple[str, ...] = ()
    """A command of bubblewrap's up to its last option; QEMU then is its first process. Empty: there is no sandbox."""


@dataclass(frozen=True)
class QemuEnd:
    """How QEMU ended."""

    status: int
    """As subprocess has it: a signal is negative."""
    complaints: str
    """What QEMU wrote to stderr."""

    @property
    def is_from_outside(self) -> bool:
        """True if it is not the guest's doing: somebody has killed QEMU, or this machine has no room for it.

        A QEMU that reaches the limit of its own memory aborts, and that is the guest's doing.
        """
        ended = -self.status if self.status < 0 else self.status - _OF_A_SHELL
        return ended in _ENDED_BY_SIGNAL or (self.status == 1 and any(words in self.complaints for words in _NO_ROOM))

    def __str__(self) -> str:
        how = f"status {self.status}" if self.status >= 0 else f"signal {-self.status}"
        return f"QEMU ended with {how}: {self.complaints or 'it gave no reason'}"


class QemuProcess:
    """A running QEMU, paused before the first instruction.

    The thread that creates it must live as long as it does, for QEMU is killed when that thread ends.
    """

    ram: mmap.mmap
    ram_file: BinaryIO  # the same memory; what the guest never touched is a hole in it
    qmp: socket.socket
    gdb: socket.socket
    serial_out: IO[bytes]  # what the guest prints
    serial_in: IO[bytes]  # what is typed
    pid: int

    def __init__(self, setup: GuestSetup) -> None:
        """Starts QEMU. Raises OSError."""
        with ExitStack() as owned:
            self._errors = owned.enter_context(memory_file("qemu-stderr"))
            self.qmp, their_qmp = _owned_pair(owned)
            self.gdb, their_gdb = _owned_pair(owned)
            self.ram_file = ram = owned.enter_context(memory_file("guest-ram"))
            with memory_file("boot-parameters") as parameters, memory_file("stale-ram") as stale:
                ram.truncate(setup.ram_bytes)
                parameters.write(setup.parameters.encode())
                setup.stale.write_to(stale)
                self.ram = mmap.mmap(ram.fileno(), setup.ram_bytes)
                owned.callback(_close_unless_viewed, self.ram)
                files = ram.fileno(), parameters.fileno()
                sockets = their_qmp.fileno(), their_gdb.fileno()
                command = [*_command(setup, *files, *sockets), *setup.stale.option(stale)]
                self._start(setup, command, [*files, stale.fileno(), *sockets, *setup.inherited], owned)
            their_qmp.close()
            their_gdb.close()
            self.serial_in = owned.enter_context(input_of(self._child))
            self.serial_out = owned.enter_context(output_of(self._child))
            self._owned = owned.pop_all()

    def wait(self, seconds: float) -> QemuEnd | None:
        """Waits for QEMU to end; returns how it ended, or None if it runs on."""
        try:
            status = self._child.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        return QemuEnd(status, self.complaints())

    def complaints(self) -> str:
        """Returns what QEMU has written to stderr so far."""
        return os.pread(self._errors.fileno(), 4096, 0).decode(errors="replace").strip()

    def limit_memory(self, more: int) -> None:
        """Lets QEMU take so many bytes of addresses more than it has now; if it asks for yet more, it ends itself."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="utf-8").split()[0])
        limit, (_, hard) = pages * mmap.PAGESIZE + more, resource.prlimit(self.pid, resource.RLIMIT_AS)
        limit = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.prlimit(self.pid, resource.RLIMIT_AS, (limit, limit))

    def kill(self) -> None:
        """Ends QEMU; what is shared with it stays."""
        if self._in_sandbox is None:
            self._child.kill()
        else:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._in_sandbox, signal.SIGKILL)
        self._child.wait()  # of a sandbox, it ends after QEMU

    def close(self) -> None:
        """Kills QEMU and frees everything. Whoever still holds a view of the RAM keeps it."""
        self._owned.close()

    def _start(self, setup: GuestSetup, command: list[str], shared: list[int], owned: ExitStack) -> None:
        """Starts the command, in the sandbox if there is one, and finds out QEMU's own process id."""
        self._in_sandbox: int | None = None
        if not setup.sandbox:
            self._child = self._spawn(while_we_live(command), shared)
            owned.callback(self.kill)
            self.pid = self._child.pid
            return
        read, write = os.pipe()
        with open(read, "rb") as told:
            with open(write, "wb"):
                sandboxed = [*setup.sandbox, "--as-pid-1", "--info-fd", str(write), "--", *command]
                self._child = self._spawn(while_we_live(sandboxed), [*shared, write])
            owned.callback(self._child.wait)
            owned.callback(self._child.kill)  # where it comes to that, QEMU ends with it
            words = told.read()
        try:
            self.pid = int(json.loads(words)["child-pid"])
            self._in_sandbox = os.pidfd_open(self.pid)
        except (ValueError, ProcessLookupError) as error:
            self._child.wait()
            raise OSError(f"no sandbox for QEMU: {self.complaints() or 'bwrap gave no reason'}") from error
        owned.callback(os.close, self._in_sandbox)
        owned.callback(self.kill)

    def _spawn(self, command: list[str], shared: list[int]) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            pass_fds=shared,
            start_new_session=True,  # a Ctrl-C on the terminal is for us, not for QEMU
        )


def memory_file(name: str) -> BinaryIO:
    """Returns a file that exists only in memory, as long as it is open somewhere; `name` is for /proc only."""
    return open(os.memfd_create(name), "w+b", buffering=0)


def _owned_pair(owned: ExitStack) -> tuple[socket.socket, socket.socket]:
    """Returns the two ends of a socket pair, which are closed with `owned`."""
    ours, theirs = socket.socketpair()
    return owned.enter_context(ours), owned.enter_context(theirs)


def _close_unless_viewed(ram: mmap.mmap) -> None:
    try:
        ram.close()
    except BufferError:
        return  # a view of it exists, and the memory goes when the view does


def board_options(
    board: Board, kernel: str, ram_bytes: int, parameters: int, *, cpu: str, el2: bool, backend: str | None = None
) -> list[str]:
    """Returns the part of the command line that every guest has. `parameters` is a descriptor that QEMU inherits."""
    machine = [board.machine, *([f"memory-backend={backend}"] if backend else []), *([_el2_option(board)] if el2 else [])]
    return [
        "-nodefaults", "-no-user-config", "-display", "none", "-accel", "tcg",
        "-machine", ",".join(machine), "-cpu", cpu, "-m", f"{ram_bytes // 1024}K", "-kernel", kernel,
        "-device", f"loader,file=/dev/fd/{parameters},addr={board.parameters_address:#x},force-raw=on",
    ]  # fmt: skip


def _el2_option(board: Board) -> str:
    if board.el2_option is None:
        raise ValueError(f"the machine {board.machine} has no EL2 to start in")
    return board.el2_option


def _command(setup: GuestSetup, ram: int, parameters: int, qmp: int, gdb: int) -> list[str]:
    """Returns the command line. The last four parameters are descriptors that QEMU inherits."""
    options = {
        "-object": f"memory-backend-file,id=ram,size={setup.ram_bytes},mem-path=/dev/fd/{ram},share=on",
        "-action": _FREEZE_AT_END,
        "-serial": setup.serial,
        "-mon": "chardev=qmp,mode=control",
        "-gdb": "chardev:grader",
    }
    channels = [f"socket,id=qmp,fd={qmp}", f"socket,id=grader,fd={gdb}"]  # `gdb` is QEMU's name for one of its own
    if setup.serial == "chardev:serial":
        channels.append("stdio,id=serial,signal=off")
    board = board_options(
        setup.board, str(setup.kernel), setup.ram_bytes, parameters, cpu=setup.cpu, el2=setup.el2, backend="ram"
    )
    words = [str(setup.binary), "-S", *board]
    for channel in channels:
        words += ["-chardev", channel]
    for option, value in options.items():
        words += [option, value]
    words += setup.options
    if setup.plugin:
        base = setup.board.ram_base
        words += ["-plugin", f"{setup.plugin},ram=/dev/fd/{ram},base={base:#x},size={setup.ram_bytes:#x}"]
    return [*setup.limits, *words]
