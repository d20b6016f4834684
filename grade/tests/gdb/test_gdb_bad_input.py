"""./pagewalk gdb where something is missing or ends too soon: one line, and nothing left running."""

import os
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from grade.failed import gdb_session
from grade.guest.guest import MONITOR_PROMPT, Recipe
from grade.isa import ISAS
from grade.ladder.build import build_kernel
from grade.ladder.labs import LadderError
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
_MARK = "PAGEWALK_TEST"
_WITHOUT_PYTHON = """#!/bin/sh
for word; do
    case $word in python*) echo 'Scripting in the "Python" language is not supported in this copy of GDB.' >&2; exit 0 ;; esac
done
exec {gdb} "$@"
"""


@contextmanager
def session(*arguments: str, folder: Path, path: str | None = None) -> Iterator[subprocess.Popen[str]]:
    """Yields ./pagewalk gdb, as from a shell. Afterwards neither a process of its nor a file is left."""
    mark = uuid.uuid4().hex
    environment = {**os.environ, _MARK: mark, "TMPDIR": str(folder)} | ({"PATH": path} if path is not None else {})
    process = subprocess.Popen(
        [sys.executable, "-m", "grade", "gdb", *arguments], cwd=ROOT, env=environment, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    left = [other for other in Path("/proc").iterdir() if other.name.isdigit() and has_mark(other, mark)]
    assert [(other / "cmdline").read_bytes() for other in left] == [] and list(folder.iterdir()) == []


def has_mark(process: Path, mark: str) -> bool:
    """Returns whether a process comes from a session. Those that are gone, or of others, do not."""
    try:
        return f"{_MARK}={mark}".encode() in (process / "environ").read_bytes()
    except OSError:
        return False


def read_to(process: subprocess.Popen[str], text: str) -> None:
    """Reads what a session prints up to a text."""
    seen = ""
    while not seen.endswith(text):
        letter = process.stdout.read(1)
        assert letter, seen + process.stderr.read()
        seen += letter


@contextmanager
def tools(folder: Path, *, without: str) -> Iterator[str]:
    """Yields a PATH on which everything is but some programs."""
    folder.mkdir()
    for place in os.environ["PATH"].split(os.pathsep):
        for tool in Path(place).iterdir() if Path(place).is_dir() else ():
            if not tool.name.startswith(without) and not (folder / tool.name).exists():
                (folder / tool.name).symlink_to(tool)
    yield str(folder)


def test_no_gdb(tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    with tools(tmp_path / "bin", without="gdb") as path, session(folder=home, path=path) as process:
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 2 and errors == "Error: gdb-multiarch is not installed: ./pagewalk setup\n"


def test_a_gdb_without_python_says_what_is_missing_and_goes_on(tmp_path: Path) -> None:
    (home := tmp_path / "home").mkdir()
    gdb = shutil.which("gdb-multiarch") or shutil.which("gdb")
    with tools(tmp_path / "bin", without="gdb") as path:
        fake = tmp_path / "bin" / "gdb-multiarch"
        fake.write_text(_WITHOUT_PYTHON.format(gdb=gdb))
        fake.chmod(0o755)
        with session("--isa", ISAS[0], folder=home, path=path) as process:
            output, errors = process.communicate("hbreak kernel_main\ncontinue\nkill\n", timeout=60)
        assert process.returncode == 0 and "Breakpoint 1" in output and "kernel_main ()" in output
        assert errors.startswith(f"{fake} has been built without Python: ") and "pt, vtop" in errors.splitlines()[0]
        with session("--isa", ISAS[0], "--record", folder=home, path=path) as process:
            output, errors = process.communicate(timeout=60)
        assert process.returncode == 2 and errors.endswith("Error: --record needs a GDB with Python\n") and output == ""


@pytest.mark.parametrize("isa", ISAS)
def test_a_kernel_that_qemu_does_not_load(isa: str, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """It dies before its first instruction: QEMU says why, and GDB is not even started."""
    foreign = build_kernel(ROOT, next(other for other in ISAS if other != isa)).elf
    for record in (False, True):
        wanted = gdb_session.Session(Recipe(isa, str(foreign), "", 0), ROOT, None, None, record, "./pagewalk gdb --record")
        with pytest.raises(LadderError, match=r"kernel\.elf: QEMU ended with status 1: ") as raised:
            gdb_session._debug(wanted)
        assert "\n" not in str(raised.value) and "(gdb)" not in capfd.readouterr().out


def test_gdb_is_killed(tmp_path: Path) -> None:
    with session("--isa", ISAS[0], folder=tmp_path) as process:
        _, errors = process.communicate("shell kill -KILL $PPID\n", timeout=60)
    assert process.returncode == 2 and errors.endswith("Error: GDB was ended by the signal SIGKILL\n")


def test_control_c_stops_the_guest_and_not_the_session(tmp_path: Path) -> None:
    with session("--isa", ISAS[0], folder=tmp_path) as process:
        process.stdin.write("continue\n")
        process.stdin.flush()
        read_to(process, MONITOR_PROMPT)  # the monitor waits for ever
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate("print 40 + 2\nquit\n", timeout=60)
    assert process.returncode == 0 and "received signal SIGINT" in output and "= 42" in output


def test_control_c_during_the_recording_ends_all(tmp_path: Path) -> None:
    with session("--isa", ISAS[0], "--record", "--script", "run spin", folder=tmp_path) as process:
        read_to(process, "program=spin\n")
        os.killpg(process.pid, signal.SIGINT)
        output, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and errors.strip() == "interrupted" and "(gdb)" not in output


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGHUP])
def test_whoever_ends_the_session_ends_all_of_it(end: signal.Signals, tmp_path: Path) -> None:
    with session("--isa", ISAS[0], "--record", folder=tmp_path) as process:
        read_to(process, "(gdb) ")
        process.send_signal(end)
        assert process.wait(60) == 128 + end
