"""How long people wait: a student after an edit, a newcomer for the first command, an instructor for one more submission.

Each figure is a command of the launcher as somebody would type it, timed from its first instruction to its last, or to
the line that people wait for. The measured tree may be another version of main, so that two can be compared.
"""

import os
import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from grade.bench.figure import ALL, Figure, NotMeasured
from grade.pipes import output_of
from grade.tied import adopt, wait_for_adopted

_EDITED = {3: "kernel/space/address_space.cc", 6: "kernel/process/fork.cc"}
"""A file that the student of the lab owns."""
_MISTAKES = {
    3: ("Tables().write(root.address(), slot, Tables().read(kernel_root(), slot));", "(void)slot;"),
    6: ("UserMode::set_result(stack.top(), 0);", ""),
}
"""A text in that file, and its replacement, which builds and costs milestones of the lab."""
_ENGINE = "kernel/paging/page_table_map.h"
_MILESTONE = {3: "3.5", 6: "6.1"}
_SUBMITTED = {1: "kernel/map/map_kernel.cc", 3: _EDITED[3], 6: _EDITED[6]}
"""The labs whose submissions are timed, with a file that the student owns beside the engine."""


@dataclass(frozen=True)
class _Line:
    """One line that a command printed, and when, in seconds after its start."""

    text: str
    after: float


@dataclass(frozen=True)
class _Run:
    """A command that has ended."""

    status: int
    wall: float
    cpu: float
    lines: tuple[_Line, ...]
    began: float
    """When it began, by the clock of files, so that it can be compared with their times."""

    def first(self, pattern: str) -> float | None:
        """Returns when the first line that matches the pattern was printed, or None."""
        return next((line.after for line in self.lines if re.search(pattern, line.text)), None)


def loop_figures(main: Path, isa: str) -> Iterator[Figure]:
    """Measures what a student waits for after changing one file, in the handed-out trees of two labs."""
    with _folder() as scratch:
        for lab, edited in _EDITED.items():
            tree = _student_tree(main, lab, isa, scratch / f"lab-{lab}")
            _graded(tree, [])
            yield from _after_edit(tree, lab, isa, edited)


def engine_figures(main: Path, isa: str) -> Iterator[Figure]:
    """Measures what a student waits for after changing the engine: one milestone that host tests prove."""
    with _folder() as scratch:
        for lab in (1, 3):
            tree = _student_tree(main, lab, isa, scratch / f"lab-{lab}")
            _graded(tree, [])
            _append(tree / _ENGINE, _edit())
            yield from _both(f"edit_engine_lab{lab}", isa, _graded(tree, ["--milestone", "1.1"]))


def first_figures(main: Path) -> Iterator[Figure]:
    """Measures the README's first command in a fresh clone, with an empty compiler cache; and once more, warm."""
    with _folder() as scratch:
        clone = scratch / "pagewalk"
        subprocess.run(["git", "clone", "--quiet", str(main), str(clone)], check=True)
        cold = os.environ | {"CCACHE_DIR": str(scratch / "ccache")}
        for name in ("grade_first", "grade_again"):
            run = _timed(clone, ["grade"], cold)
            _need_success(run)
            yield from _both(name, ALL, run)


def submission_figures(main: Path, isa: str) -> Iterator[Figure]:
    """Measures one more submission of three labs, each on a machine that has graded one of them before."""
    for lab, edited in _SUBMITTED.items():
        with _folder() as scratch:
            for name in ("one", "another"):
                folder = _student_tree(main, lab, isa, scratch / name)
                _append(folder / edited, _edit())
                _append(folder / _ENGINE, _edit())
                run = _timed(main, ["grade", "--submission", str(folder), "--isa", isa])
            _need_success(run)
            yield from _both(f"submission_lab{lab}", isa, run)


def tests_figures(main: Path, *, quick: bool) -> Iterator[Figure]:
    """Measures all tests, in a fresh clone with an empty compiler cache."""
    with _folder() as scratch:
        clone = scratch / "pagewalk"
        subprocess.run(["git", "clone", "--quiet", str(main), str(clone)], check=True)
        cold = os.environ | {"CCACHE_DIR": str(scratch / "ccache")}
        run = _timed(clone, ["test", *(["--quick"] if quick else [])], cold)
        _need_success(run)
        yield from _both("test_quick" if quick else "test", ALL, run)


def _after_edit(tree: Path, lab: int, isa: str, edited: str) -> Iterator[Figure]:
    file = tree / edited
    whole = file.read_text(encoding="utf-8")
    _write(file, whole + _edit())
    yield from _both(f"edit_grade_lab{lab}", isa, _graded(tree, []))
    _write(file, whole + _edit())
    yield from _both(f"edit_milestone_lab{lab}", isa, _graded(tree, ["--milestone", _MILESTONE[lab]]))
    yield _until_compile_error(tree, lab, isa, edited)
    right, wrong = _MISTAKES[lab]
    if right not in whole:
        raise NotMeasured(f"{edited} has no {right!r} to make a mistake in")
    _write(file, whole.replace(right, wrong, 1))
    yield _until_first_failure(tree, lab, isa)


def _until_compile_error(tree: Path, lab: int, isa: str, edited: str) -> Figure:
    """Measures the delay from the compiler's error to the screen: the compiler is first timed by itself."""
    file = tree / edited
    right = file.read_text(encoding="utf-8")
    _write(file, right + "this line is no C++;\n")
    start = time.monotonic()
    subprocess.run(["cmake", "--build", f"build/{isa}", "--target", "kernel"], cwd=tree, check=False, capture_output=True)
    compiler = time.monotonic() - start
    _write(file, right + "\nthis line is no C++;\n")
    shown = _timed(tree, ["grade"]).first(rf"{re.escape(file.name)}:\d+.*error")
    if shown is None:
        raise NotMeasured("the compiler's error was not shown")
    return Figure(f"compile_error_lab{lab}_s", isa, max(shown - compiler, 0.0), "s")


def _until_first_failure(tree: Path, lab: int, isa: str) -> Figure:
    """Measures the delay from the built kernel to the first failed milestone of this lab on the screen."""
    run = _timed(tree, ["grade"])
    built = (tree / "build" / isa / "kernel.elf").stat().st_mtime - run.began
    failed = run.first(rf"\b{lab}\.\d+ +failed")
    if failed is None:
        raise NotMeasured("no milestone failed")
    return Figure(f"first_failure_lab{lab}_s", isa, failed - built, "s")


@contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="pagewalk-bench-") as name:
        yield Path(name)


def _student_tree(main: Path, lab: int, isa: str, into: Path) -> Path:
    command = ["./pagewalk", "cut", str(lab), str(into), "--solved", str(lab), "--with-grader", "--isa", isa]
    subprocess.run(command, cwd=main, check=True, stdout=subprocess.DEVNULL)
    return into


def _graded(tree: Path, arguments: Sequence[str]) -> _Run:
    run = _timed(tree, ["grade", *arguments])
    _need_success(run)
    return run


def _need_success(run: _Run) -> None:
    if run.status != 0:
        raise NotMeasured("it does not pass:\n" + "\n".join(line.text for line in run.lines[-20:]))


def _edit() -> str:
    """Returns an edit that changes what is built, and that no cache has seen: a comment would not."""
    return f"\n[[gnu::used]] static const unsigned g_edited = {time.monotonic_ns() % 2**32}u;\n"


def _write(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8")


def _append(file: Path, text: str) -> None:
    _write(file, file.read_text(encoding="utf-8") + text)


def _timed(tree: Path, arguments: Sequence[str], environment: dict[str, str] | None = None) -> _Run:
    """Runs ./pagewalk with these arguments, and notes when it printed what.

    The CPU time is that of all processes that it starts: a sandbox's first one ends before others that were in it.
    """
    adopt()
    before, began, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time(), time.monotonic()
    with subprocess.Popen(
        ["./pagewalk", *arguments],
        cwd=tree,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        lines = tuple(_Line(line.rstrip("\n"), time.monotonic() - start) for line in output_of(process))
    wall = time.monotonic() - start
    wait_for_adopted()
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return _Run(process.returncode, wall, cpu, lines, began)


def _both(name: str, isa: str, run: _Run) -> Iterator[Figure]:
    yield Figure(f"{name}_wall_s", isa, run.wall, "s")
    yield Figure(f"{name}_cpu_s", isa, run.cpu, "s")
