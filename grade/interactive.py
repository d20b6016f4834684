"""./pagewalk run: a guest, or one of its programs, on this terminal."""

import os
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from grade.guest.guest import Recipe
from grade.guest.plain_qemu import plain_qemu
from grade.ladder.build import Kernel, build_kernel
from grade.ladder.trees import Tree
from grade.pipes import output_of
from grade.prepare import prepare
from grade.program_run import ProgramWatch, script_line
from grade.tied import while_we_live

_KEYBOARD, _SCREEN = 0, 1
_SECONDS_TO_END = 2.0
_SHELL = "user/sh.cc"


@dataclass(frozen=True)
class Setting:
    """The machine that ./pagewalk run starts: `lab` None is the whole tree. `script` is for the kernel's monitor."""

    tree: Tree
    isa: str
    lab: int | None
    ram_mib: int
    script: str

    def kernel(self) -> Kernel:
        """Builds and returns the kernel."""
        return kernel_to_run(self.tree, self.isa, self.lab)

    def recipe(self, kernel: Kernel, *lines: str) -> Recipe:
        """Returns the machine, with these lines for the monitor after the script's."""
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
    """Runs a program with this terminal as its console, then turns the machine off; returns 0 if it exited with 0, else 1.

    `words` are its name and its arguments; the script comes before it. Ctrl-A X ends the machine, and so does Ctrl-C
    (KeyboardInterrupt). BadProgram if the words cannot be put into the monitor's script.
    """
    line = script_line(words)
    watch = ProgramWatch(line)
    recipe = setting.recipe(setting.kernel(), line, "poweroff")
    terminal = ["-chardev", "stdio,id=terminal,mux=on,signal=on", "-serial", "chardev:terminal"]
    with _running(recipe, terminal, stdout=subprocess.PIPE) as qemu:
        _pass_on(output_of(qemu), watch)
        qemu.wait()
    return 0 if watch.succeeded else 1


def _pass_on(output: IO[bytes], watch: ProgramWatch) -> None:
    """Shows what the guest prints at once, with the same bytes, until QEMU ends."""
    while data := os.read(output.fileno(), 65536):
        watch.take(data)
        _show(data)


@contextmanager
def _running(recipe: Recipe, options: list[str], stdout: int | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """Runs QEMU in the foreground of this terminal. Afterwards it has gone, and the terminal is as before."""
    with plain_qemu(recipe) as (command, inherited), _terminal_put_back():
        tied = while_we_live([*command, *options, "-no-reboot"])
        qemu = subprocess.Popen(tied, bufsize=0, stdout=stdout, pass_fds=inherited)
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
    """Restores the terminal, which QEMU sets to its own use and does not restore if it is killed."""
    before = termios.tcgetattr(_KEYBOARD) if os.isatty(_KEYBOARD) else None
    try:
        yield
    finally:
        if before is not None:
            termios.tcsetattr(_KEYBOARD, termios.TCSADRAIN, before)


def _show(data: bytes) -> None:
    while data:
        data = data[os.write(_SCREEN, data) :]


def kernel_to_run(tree: Tree, isa: str, lab: int | None) -> Kernel:
    """Builds the kernel of a lab, or of the whole tree; a handed-out tree has only one, whatever lab is named."""
    if tree.course is not None and lab not in (None, tree.lab):
        print(f"This tree has one kernel, lab {tree.lab}'s: that is booted, and not lab {lab}'s.", file=sys.stderr, flush=True)
    folder = tree.root if lab is None else prepare(tree, lab)
    return build_kernel(folder, isa)
