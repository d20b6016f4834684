"""./pagewalk run and ./pagewalk gdb: a guest or a program of its on this terminal, or a guest under GDB."""

import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import BinaryIO

from grade.boot.failed_run import FailedRun, latest, load
from grade.boot.guest import Recipe
from grade.boot.kernel_image import DEBUG_ROOT, KernelImage
from grade.boot.plain_qemu import command_line, parameters_file
from grade.gdb.facts import write_facts
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, prepare
from grade.machine.qemu_process import while_we_live
from grade.program_run import ProgramWatch, script_line

_KEYBOARD, _SCREEN = 0, 1
_SECONDS_TO_END = 2.0
_SHELL = "user/sh.cc"
_COMMANDS = Path(__file__).parent / "gdb" / "start.py"


@dataclass(frozen=True)
class Setting:
    """The machine that ./pagewalk run starts: `lab` None is the whole tree. `script` is for the kernel's monitor."""

    tree: Tree
    isa: str
    lab: int | None
    ram_mib: int
    script: str

    def kernel(self) -> Kernel:
        """Its kernel, built."""
        return _kernel(self.tree, self.isa, self.lab)

    def recipe(self, kernel: Kernel, *lines: str) -> Recipe:
        """The machine, with these lines of the monitor's behind the script."""
        script = [self.script, *lines] if self.script else lines
        return Recipe(self.isa, str(kernel.elf), "\n".join(script), 0, self.ram_mib)


def run_on_terminal(setting: Setting, *, to_monitor: bool) -> int:
    """Boots to the shell, if the tree has one, else to the monitor; returns QEMU's exit status. Ctrl-A X ends it."""
    kernel = setting.kernel()
    has_shell = (kernel.tree / _SHELL).is_file()
    recipe = setting.recipe(kernel, *(["run sh"] if has_shell and not to_monitor else []))
    print("Ctrl-A X ends the machine.", flush=True)
    with _running(recipe, ["-serial", "mon:stdio"]) as qemu:
        return qemu.wait()


def run_program(setting: Setting, words: Sequence[str]) -> int:
    """Runs a program with this terminal as its console, and turns the machine off; 0 if it exited with 0, else 1.

    `words` are its name and its arguments; the script comes before it. Ctrl-A X ends the machine, and so does Ctrl-C
    (KeyboardInterrupt). BadProgram if the words cannot be put in the monitor's script.
    """
    line = script_line(words)
    watch = ProgramWatch(line)
    recipe = setting.recipe(setting.kernel(), line, "poweroff")
    terminal = ["-chardev", "stdio,id=terminal,mux=on,signal=on", "-serial", "chardev:terminal"]
    with _running(recipe, terminal, stdout=subprocess.PIPE) as qemu:
        _pass_on(qemu.stdout, watch)
        qemu.wait()
    return 0 if watch.succeeded else 1


def _pass_on(output: BinaryIO, watch: ProgramWatch) -> None:
    """Shows what the guest prints as it comes, byte by byte the same, until QEMU ends."""
    while data := os.read(output.fileno(), 65536):
        watch.take(data)
        _show(data)


@contextmanager
def _running(recipe: Recipe, options: list[str], stdout: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """QEMU in the foreground of this terminal. Afterwards it has gone, and the terminal is as it was."""
    with parameters_file(recipe) as parameters, _terminal_put_back():
        command = while_we_live([*command_line(recipe, parameters), *options, "-no-reboot"])
        qemu = subprocess.Popen(command, bufsize=0, stdout=stdout, pass_fds=(parameters.fileno(),))
        try:
            yield qemu
        finally:
            qemu.terminate()
            try:
                qemu.wait(_SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                qemu.kill()
                qemu.wait()


@contextmanager
def _terminal_put_back() -> Iterator[None]:
    """QEMU sets the terminal to its own use; if it is killed, it does not put it back."""
    before = termios.tcgetattr(_KEYBOARD) if os.isatty(_KEYBOARD) else None
    try:
        yield
    finally:
        if before is not None:
            termios.tcsetattr(_KEYBOARD, termios.TCSADRAIN, before)


def run_under_gdb(
    tree: Tree, what: str, isa: str, lab: int | None, script: str = "", serial: Path | None = None
) -> int:
    """Starts the guest frozen at its first instruction and GDB with the right symbols; returns GDB's exit status.

    `what` is a lab, whose monitor begins with the commands of `script`, or a milestone that failed before: then the
    machine runs to the point where it failed. What the guest prints goes to the file `serial`, or to this terminal.
    """
    if what and not re.fullmatch(r"\d+(\.\d+)?", what):
        raise LadderError(f"{what} is neither a lab nor a milestone")
    gdb = _gdb()
    if script and "." in what:
        raise LadderError(f"milestone {what} has a script of its own")
    failed = _failed_run(tree, what, isa, lab) if "." in what else None
    if failed is not None:
        recipe, stop_at, sources = failed.recipe, failed.stop_at, failed.tree
    else:
        number = int(what) if what else lab
        kernel = _kernel(tree, isa, number)
        recipe, stop_at, sources = Recipe(isa, str(kernel.elf), script, 0), None, kernel.tree
    return _under_gdb(gdb, recipe, stop_at, sources, serial)


def run_last_failure_under_gdb(serial: Path | None = None) -> int:
    """The same for the milestone that failed last, whichever it was."""
    failed = latest()
    if failed is None:
        raise LadderError("no milestone has failed with a machine running, so there is none to go back to")
    _refuse_changed(failed, "that milestone")
    return _under_gdb(_gdb(), failed.recipe, failed.stop_at, failed.tree, serial)


def _gdb() -> str:
    gdb = shutil.which("gdb-multiarch") or shutil.which("gdb")
    if gdb is None:
        raise LadderError("gdb-multiarch is not installed: ./pagewalk setup")
    return gdb


def _under_gdb(gdb: str, recipe: Recipe, stop_at: int | None, sources: Path, serial: Path | None) -> int:
    with tempfile.TemporaryDirectory(prefix="pagewalk-") as folder:
        path, facts = Path(folder) / "gdb", Path(folder) / "facts"
        write_facts(facts, KernelImage(recipe.isa, Path(recipe.elf)), sources, recipe.ram_mib)
        with _frozen(recipe, path, serial):
            commands = _gdb_commands(recipe, stop_at, sources, (path, facts))
            return subprocess.run([gdb, "-q", *commands], check=False).returncode


def _failed_run(tree: Tree, milestone: str, isa: str, lab: int | None) -> FailedRun:
    number = lab or (tree.lab if tree.course else int(milestone.split(".")[0]))
    failed = load(number, milestone, isa)
    if failed is None and (tests := _host_tests_of(tree, milestone)) is not None:
        raise LadderError(
            f"milestone {milestone} is a host test: no machine runs. Its program, which grade builds, under a debugger "
            f"(grade names the test that fails, which can stand for {tests}):\n"
            f"gdb --args {prepare(tree, number)}/build/host/host_tests --gtest_filter='{tests}'"
        )
    if failed is None:
        raise LadderError(
            f"milestone {milestone} has not failed on {isa} with a machine running, so there is none to go back to: "
            f"./pagewalk grade {number} --isa {isa}"
        )
    again = f"; see whether it still does: ./pagewalk grade {number} --isa {isa} --milestone {milestone}"
    _refuse_changed(failed, f"milestone {milestone}", again)
    return failed


def _host_tests_of(tree: Tree, milestone: str) -> str | None:
    """The pattern of the host tests that alone prove the milestone; None if a machine runs for it."""
    mark = rf'@milestone\("{re.escape(milestone)}", [^)\n]*witness="H"\)\n'
    proof = re.compile(mark + r'.*?check_host_tests\(host_tests, "([^"]+)"', re.DOTALL)
    files = (file for lab in tree.labs for file in lab.folder.glob("test_*.py"))
    found = (proof.search(file.read_text(encoding="utf-8")) for file in files)
    return next((match[1] for match in found if match), None)


def _refuse_changed(failed: FailedRun, what: str, more: str = "") -> None:
    if not failed.is_current:
        raise LadderError(f"the kernel has changed since {what} failed{more}")


@contextmanager
def _frozen(recipe: Recipe, path: Path, serial: Path | None) -> Iterator[None]:
    """QEMU before the guest's first instruction, for GDB at the socket `path`."""
    try:
        screen = _SCREEN if serial is None else os.open(serial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    except OSError as error:
        raise LadderError(f"cannot write {serial}: {error.strerror}") from error
    with socket.socket(socket.AF_UNIX) as listener:  # open before either of them starts: GDB cannot come too early
        listener.bind(os.fspath(path))
        listener.listen(1)
        gdb = ["-chardev", f"socket,id=gdb,fd={listener.fileno()},server=on,wait=off", "-gdb", "chardev:gdb"]
        options = [*gdb, "-serial", "stdio", "-S", "-action", "reboot=shutdown,shutdown=pause"]
        with parameters_file(recipe) as parameters:
            shared = (parameters.fileno(), listener.fileno())
            # What the guest prints comes through a pipe: QEMU makes its output non-blocking, and if that were GDB's, too,
            # parts of what GDB prints would be lost.
            qemu = subprocess.Popen(
                while_we_live([*command_line(recipe, parameters), *options]),
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True, pass_fds=shared, bufsize=0,
            )  # fmt: skip
    printer = Thread(target=_copy_all, args=(qemu.stdout, screen))
    printer.start()
    try:
        yield
    finally:
        qemu.kill()
        qemu.wait()
        printer.join()
        if serial is not None:
            os.close(screen)


def _copy_all(output: BinaryIO, screen: int) -> None:
    """Shows what the guest prints as it comes, until QEMU ends."""
    while data := os.read(output.fileno(), 65536):
        _show(data, screen)


def _show(data: bytes, screen: int = _SCREEN) -> None:
    while data:
        data = data[os.write(screen, data) :]


def _gdb_commands(recipe: Recipe, stop_at: int | None, sources: Path, paths: tuple[Path, Path]) -> list[str]:
    """Symbols for the low and the high addresses; then to where the run ended, or to the first instruction.

    `paths` are those of the socket and of the facts for the commands about paging (grade/gdb/start.py).
    """
    path, facts = paths
    image = KernelImage(recipe.isa, Path(recipe.elf))
    lines = ["set pagination off", "set confirm off", f"set substitute-path {DEBUG_ROOT} {sources}"]
    lines.append(f"file {recipe.elf}")
    if image.offset:
        lines.append(f"add-symbol-file {recipe.elf} -o {-image.offset % (1 << 64):#x}")
    lines += [f'set $pagewalk_facts = "{facts}"', f"source {_COMMANDS}"]
    lines.append(f"target remote {path}")
    if stop_at is not None:
        lines += [f"hbreak *{stop_at:#x}", "continue", "why"]
    return [word for line in lines for word in ("-ex", line)]


def _kernel(tree: Tree, isa: str, lab: int | None) -> Kernel:
    """The kernel of a lab, or of the whole tree: a handed-out tree has one, whatever lab is named."""
    if tree.course is not None and lab not in (None, tree.lab):
        print(f"This tree has one kernel, lab {tree.lab}'s: that is booted, and not lab {lab}'s.", file=sys.stderr, flush=True)
    folder = tree.root if lab is None else prepare(tree, lab)
    return build_kernel(folder, isa)
