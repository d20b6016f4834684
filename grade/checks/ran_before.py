"""Remembers how programs of host tests ran, and does not run the same program again: it would say the same.

The same means the same content of the program, whatever its name, the same arguments, and the same judges. Only
a run that came to its end is remembered. A remembered output is judged as if it had just been printed. Of a run that
did not, only that is remembered: the program's other tests are waited for, but not as long.
"""

import hashlib
import json
import os
import xml.etree.ElementTree as xml
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

from grade.ladder.build import engine_of
from grade.ladder.records import Records
from grade.ladder.trees import locked

Printed = tuple[str, str]
"""What a program of host tests printed: the tests, and the student's code."""
_JUDGES = (Path(__file__), Path(__file__).with_name("host_tests.py"))
_HANG = "hangs"
_STEERED_BY = ("GTEST_", "ASAN_", "UBSAN_", "LSAN_", "LD_")
"""How the names of the environment variables begin that a program of host tests obeys."""


@dataclass
class HostTests:
    """Builds the program of a name when it is called; also has the folder that remembers how programs ran."""

    build: Callable[[str], Path]
    memory: Path
    around_engine: Callable[[Path], list[str]] = lambda engine: []
    """Returns a command that runs an engine, in a sandbox."""
    seed: int | None = None
    """What the tests draw by chance comes from it; None: what they draw is always the same."""
    reused: bool = False
    """Whether a program was not run because it had run before."""

    def __call__(self, program: str) -> Path:
        return self.build(program)


def run_once(
    build: Callable[[str], Path], program: Path, asked: Sequence[str], report: Path, run: Callable[[], Printed]
) -> Printed:
    """Returns what run() returns, and writes to the file `report`; or what an equal program with equal arguments did before.

    Another process that asks for the same program waits for the one that runs it.
    """
    __tracebackhide__ = True
    if not isinstance(build, HostTests):
        return run()
    lock = ExitStack()
    try:
        lock.enter_context(locked(build.memory / f"{program.name}.lock"))
    except OSError:  # if nothing can be written, nothing is remembered
        return run()
    with closing(lock):
        return _remembered_or_run(build, program, asked, report, run)


def _remembered_or_run(
    build: HostTests, program: Path, asked: Sequence[str], report: Path, run: Callable[[], Printed]
) -> Printed:
    """Does what run_once() does, while no other process runs the program."""
    __tracebackhide__ = True
    records, key = Records(build.memory), _key(program, asked)
    if (known := records.read(*key)) is not None:
        said = json.loads(known)
        report.write_text(said["report"], encoding="utf-8")
        build.reused = True
        return said["tests"], said["engine"]
    printed = run()
    if _is_whole(report) and _key(program, asked) == key:  # another build may have replaced it meanwhile
        said = {"tests": printed[0], "engine": printed[1], "report": report.read_text(encoding="utf-8")}
        records.write(json.dumps(said), *key)
    return printed


def has_hung(build: HostTests, program: Path) -> bool:
    """Returns whether a test of an equal program did not come to its end."""
    return Records(build.memory).read(*_key(program, [_HANG])) is not None


def note_hang(build: HostTests, program: Path) -> None:
    """Remembers that a test of this program did not come to its end."""
    Records(build.memory).write(_HANG, *_key(program, [_HANG]))


def _key(program: Path, asked: Sequence[str]) -> tuple[str, ...]:
    """Returns everything on which the output of a program of host tests depends."""
    engine = engine_of(program)
    read = (program, *([engine] if engine.exists() else []), *_JUDGES)
    contents = (hashlib.sha256(path.read_bytes()).hexdigest() for path in read)
    steered = (f"{name}={value}" for name, value in sorted(os.environ.items()) if name.startswith(_STEERED_BY))
    return (*contents, *asked, *steered)


def _is_whole(report: Path) -> bool:
    """Returns whether the program came to its end and could write all of its report."""
    try:
        return xml.parse(report).getroot() is not None
    except (OSError, xml.ParseError):
        return False
