"""./pagewalk gdb: a guest under GDB, at its first instruction or at the point where a milestone failed."""

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from grade.boot.kernel_image import KernelImage
from grade.failed.choice import check_unchanged, choose_failed
from grade.failed.failed_run import FailedRun
from grade.failed.failing_point import Death, death_at, go_before, go_to_failure, is_unreachable
from grade.failed.kill_point import at_kill
from grade.failed.way import Way
from grade.gdb.facts import RecordingFacts, write_facts
from grade.guest.guest import CHECKPOINT, Recipe, machine_of_kind
from grade.interactive import kernel_to_run
from grade.ladder.build_errors import DEBUG_ROOT
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.machine.debugged import DebuggedMachine, Recording, RecordMode
from grade.machine.machine import MachineError, State

_SCREEN = 1
_COMMANDS = Path(__file__).parents[1] / "gdb" / "start.py"
_CPU_BUDGET, _IDLE_BACKSTOP = 3.0, 2.0  # as for the guests of milestones
_RECORDED_CPU_BUDGET = 10.0
_LAST_LINE = "checkpoint recorded"


@dataclass(frozen=True)
class Session:
    """What is put under GDB. What the guest prints goes to the file `serial`, or to this terminal."""

    recipe: Recipe
    sources: Path
    failed: FailedRun | None
    serial: Path | None
    record: bool
    recorded: str
    """The command that starts the same session with a recording."""
    editor: "Editor | None" = None
    at_kill: bool = False
    """Whether the guest is stopped where it kills a process, which is then still whole."""


@dataclass(frozen=True)
class Editor:
    """A program that uses GDB's machine interface: it says when to connect, and where the guest is to print."""

    interpreter: str
    tty: Path | None


def run_under_gdb(
    tree: Tree, what: str, isa: str, lab: int | None, script: str = "", *, serial: Path | None = None, record: bool = False,
    editor: Editor | None = None, command: str = "",
) -> int:  # fmt: skip
    """Starts the guest and GDB with the right symbols; returns GDB's exit status.

    `what` is a lab, whose monitor begins with the commands of `script`, or a milestone that failed before: then the
    machine runs to the point where it failed. With `record` the guest runs first; its run can then be replayed backwards.
    `command` is what was typed, if that was not `./pagewalk gdb`.
    """
    if what and not re.fullmatch(r"\d+(\.\d+)?", what):
        raise LadderError(f"{what} is neither a lab nor a milestone")
    _gdb()
    if script and "." in what:
        raise LadderError(f"milestone {what} has a script of its own")
    if "." in what:
        return _debug_failure(choose_failed(tree, what, isa, lab), serial, record)
    kernel = kernel_to_run(tree, isa, int(what) if what else lab)
    if editor is not None and serial is None:
        serial = editor.tty or Path(os.devnull)  # GDB's own output is for the editor alone
    command = command or _command(what, isa, lab, script)
    recipe = Recipe(isa, str(kernel.elf), script, 0)
    return _debug(Session(recipe, kernel.tree, None, serial, record, f"{command} --record", editor))


def run_last_failure_under_gdb(tree: Tree, *, serial: Path | None = None, record: bool = False) -> int:
    """Does the same for the milestone that failed last, whichever it was."""
    return _debug_failure(choose_failed(tree, "", "", None), serial, record)


def _debug_failure(failed: FailedRun, serial: Path | None, record: bool) -> int:
    check_unchanged(failed)
    command = _command(failed.milestone, failed.isa, failed.lab, "")
    with at_kill(failed) as killing:
        comes_there = killing is not None
    return _debug(Session(failed.recipe, failed.tree, failed, serial, record, f"{command} --record", at_kill=comes_there))


def _command(what: str, isa: str, lab: int | None, script: str) -> str:
    words = ["./pagewalk", "gdb", *filter(None, [what]), "--isa", isa]
    words += ["--lab", str(lab)] if lab is not None else []
    return shlex.join(words + (["--script", script.replace("\n", ";")] if script else []))


# --- GDB itself ------------------------------------------------------------------------------------------------------


def _gdb() -> str:
    gdb = shutil.which("gdb-multiarch") or shutil.which("gdb")
    if gdb is None:
        raise LadderError("gdb-multiarch is not installed: ./pagewalk setup")
    return gdb


def _has_python(gdb: str) -> bool:
    ask = [gdb, "-nx", "-batch", "-ex", "python print('yes')"]
    return subprocess.run(ask, capture_output=True, text=True, check=False).stdout == "yes\n"


def _debug(session: Session) -> int:
    gdb = _gdb()
    with_python = _has_python(gdb)
    if not with_python:
        print(_NO_PYTHON.format(gdb=gdb), file=sys.stderr, flush=True)
        if session.record:
            raise LadderError("--record needs a GDB with Python")
    with _leaves_in_order(), tempfile.TemporaryDirectory(prefix="pagewalk-") as folder, _screen(session.serial) as screen:
        paths = Path(folder) / "gdb", Path(folder) / "facts"
        try:
            if session.record:
                recording = _record(session, Path(folder) / "recording", screen)
                _write_facts(paths[1], session, recording)
                return _run_gdb([gdb, "-q", *_gdb_commands(session, paths, with_python)])
            _write_facts(paths[1], session, None)
            with _guest(session, paths[0], screen):
                return _run_gdb([gdb, "-q", *_gdb_commands(session, paths, with_python)], session.editor)
        except MachineError as error:
            raise LadderError(f"{session.recipe.elf}: {error}") from error


_NO_PYTHON = (
    "{gdb} has been built without Python: the commands about paging (pt, vtop, vmas, procs, frames, tf, why, break-in, "
    "who-wrote) are missing. The package gdb-multiarch has one with it."
)


def _run_gdb(command: list[str], editor: Editor | None = None) -> int:
    """Runs GDB on this terminal, with Ctrl-C for it alone. Returns its exit status."""
    command += [f"--interpreter={editor.interpreter}"] if editor is not None else []
    before = signal.signal(signal.SIGINT, lambda number, frame: None)  # not SIG_IGN, which GDB would inherit
    try:
        gdb = subprocess.Popen(command)
        if editor is not None:  # the editor interrupts the process that it started; a terminal reaches GDB directly
            signal.signal(signal.SIGINT, lambda number, frame: gdb.send_signal(number))
        with _killed_with_us(gdb):
            status = gdb.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    if status < 0:
        raise LadderError(f"GDB was ended by the signal {signal.Signals(-status).name}")
    return status


@contextmanager
def _killed_with_us(gdb: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    except BaseException:
        gdb.kill()
        gdb.wait()
        raise


@contextmanager
def _leaves_in_order() -> Iterator[None]:
    """Removes the folder of the session even if we are told to end within this context, or if the terminal is closed."""
    ends = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(end, lambda number, frame: sys.exit(128 + number)) for end in ends]
    try:
        yield
    finally:
        for end, handler in zip(ends, before, strict=True):
            signal.signal(end, handler)


def _gdb_commands(session: Session, paths: tuple[Path, Path], with_python: bool) -> list[str]:
    """Returns commands that load symbols for the low and the high addresses, then go to where the guest is.

    `paths` are those of the socket and of the facts for the commands about paging (grade/gdb/start.py).
    """
    path, facts = paths
    recipe = session.recipe
    image = KernelImage(recipe.isa, Path(recipe.elf))
    lines = ["set pagination off", "set confirm off", "set backtrace limit 64"]
    lines.append(f"set substitute-path {DEBUG_ROOT} {session.sources}")
    lines.append(f"file {recipe.elf}")
    if image.offset:
        lines.append(f"add-symbol-file {recipe.elf} -o {-image.offset % (1 << 64):#x}")
    if with_python:
        lines += [f'set $pagewalk_facts = "{facts}"', f"source {_COMMANDS}"]
    connect = "go-to" if session.record else f"target remote {path}"
    lines.append(connect if session.editor is None else f"alias connect-guest = {connect}")
    if session.failed is not None and with_python:
        lines.append("why")
    return [word for line in lines for word in ("-ex", line)]


def _write_facts(path: Path, session: Session, recording: RecordingFacts | None) -> None:
    image = KernelImage(session.recipe.isa, Path(session.recipe.elf))
    write_facts(path, image, session.sources, session.recipe.ram_mib, session.recorded, recording)


# --- the guest -------------------------------------------------------------------------------------------------------


@contextmanager
def _screen(serial: Path | None) -> Iterator[int]:
    """Yields where the guest's output goes."""
    if serial is None:
        yield _SCREEN
        return
    try:
        screen = os.open(serial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o644)
    except OSError as error:
        raise LadderError(f"cannot write {serial}: {error.strerror}") from error
    try:
        yield screen
    finally:
        os.close(screen)


@contextmanager
def _guest(session: Session, path: Path, screen: int) -> Iterator[None]:
    """Runs the guest, stopped where it is wanted, for GDB at the socket `path`."""
    machine = machine_of_kind(DebuggedMachine, session.recipe, _CPU_BUDGET, _IDLE_BACKSTOP)
    with machine:
        machine.show_on(screen)
        lines = _go(machine, session)
        machine.hand_over(path)
        print(*lines, sep="\n", end="\n" if lines else "", flush=True)
        try:
            yield
        finally:
            machine.end()


def _go(machine: DebuggedMachine, session: Session, death: Death | None = None) -> list[str]:
    """Lets the guest run to where it is wanted; returns where that is, in words."""
    image = KernelImage(session.recipe.isa, Path(session.recipe.elf))
    if session.failed is not None:
        return go_to_failure(machine, session.failed, image, death, at_kill=session.at_kill)
    if not session.record:
        return []
    if death is None:
        return _go_to_end(machine, session.recipe.script, image.va(CHECKPOINT))
    go_before(machine, death)
    return [f"Right before the CPU dies, at {death.pc:#x} ({image.place(death.pc) or 'no code of the kernel'})."]


def _go_to_end(machine: DebuggedMachine, script: str, checkpoint: int) -> list[str]:
    """Runs to the last checkpoint of the script, or to where the machine ends or waits for input."""
    machine.insert_breakpoint(checkpoint)
    for _ in range(sum(line.split()[:1] == ["checkpoint"] for line in script.splitlines())):
        stop = machine.run()
        if stop.pc != checkpoint:
            return [f"The script did not come to its end: {stop.detail}."]
    machine.remove_breakpoint(checkpoint)
    return []


def _record(session: Session, log: Path, screen: int) -> RecordingFacts:
    """Records the guest from its boot to the point where the milestone failed, or to the end of the script."""
    if session.failed is None:
        recipe = replace(session.recipe, script="\n".join([*filter(None, [session.recipe.script]), _LAST_LINE]))
        session = replace(session, recipe=recipe)
    death = _death(session)
    machine = machine_of_kind(DebuggedMachine, session.recipe, _RECORDED_CPU_BUDGET, _IDLE_BACKSTOP)
    machine.recording = Recording(log, RecordMode.RECORD)
    with machine:
        machine.show_on(screen)
        lines = _go(machine, session, death)
        point = machine.instruction_count()
        machine.finish_recording()
    print(*lines, f"Recorded: {point} instructions.", sep="\n", flush=True)
    return RecordingFacts(session.recipe.as_dict(), str(log), point)


def _death(session: Session) -> Death | None:
    """Tries it without recording: a CPU that faults for ever, or a triple fault, cannot be recorded by QEMU 7.2."""
    with machine_of_kind(DebuggedMachine, session.recipe, _CPU_BUDGET, _IDLE_BACKSTOP) as machine:
        _go(machine, session)
        if machine.state is State.PAUSED and not is_unreachable(machine):
            return None
        pc = machine.registers()[machine.isa.registers.pc]
    with machine_of_kind(DebuggedMachine, session.recipe, _CPU_BUDGET, _IDLE_BACKSTOP) as machine:
        return death_at(machine, pc, Way() if session.failed is None else session.failed.way)
