"""Counts which lines and branches of kernel/ the host tests run, by GCC's gcov.

The tests are built without sanitizers, whose own branches would be counted as the code's.
"""

import json
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from grade.course.counts import Counts
from grade.ladder.labs import LadderError, load_labs

ALL = "kernel/, as far as host tests compile it"


@dataclass
class _Seen:
    """What was seen of one file, over all programs and all formats of page tables that it is compiled for."""

    lines: dict[int, bool] = field(default_factory=lambda: defaultdict(bool))
    branches: dict[tuple[int, int], bool] = field(default_factory=lambda: defaultdict(bool))

    def add(self, line: dict[str, Any]) -> None:
        """Adds what gcov says about a line. What only an exception takes is no branch: the kernel has none."""
        number = line["line_number"]
        self.lines[number] |= line["count"] > 0
        for index, branch in enumerate(branch for branch in line["branches"] if not branch["throw"]):
            self.branches[number, index] |= branch["count"] > 0

    def counts(self) -> Counts:
        """Returns how many lines and branches there are, and how many were run."""
        return Counts(len(self.lines), sum(self.lines.values()), len(self.branches), sum(self.branches.values()))


def measure(root: Path, folder: Path) -> tuple[dict[str, Counts | None], bool]:
    """Builds and runs the host tests in `folder`; returns the counts of each file of students, and whether all tests passed.

    A count is None if no host test compiles the file. LadderError if gcov is missing, or if the tests do not build.
    """
    if shutil.which("gcov") is None:
        raise LadderError("coverage needs gcov, which comes with GCC: install gcc")
    build = folder / "host"
    passed = _run_tests(root, build)
    data = sorted(build.rglob("*.gcda"))
    seen = _read(build, data)
    _show_sources(root, folder)
    _gcov(folder, ["--branch-probabilities", "--branch-counts", "--preserve-paths", "--relative-only"], data)
    counted = {path: counts for path, each in sorted(seen.items()) if (counts := each.counts()).lines}
    owned = [path for lab in load_labs(root) for path in lab.owned if path.endswith((".h", ".cc"))]
    return {**{path: counted.get(path) for path in owned}, ALL: sum(counted.values(), Counts())}, passed


def _run_tests(root: Path, build: Path) -> bool:
    """Returns whether all tests passed."""
    # kernel/tests/apart/engine.cc calls __gcov_dump if it is there.
    flags = ["-Dsanitizers=", "-DCMAKE_CXX_FLAGS=--coverage", "-DCMAKE_EXE_LINKER_FLAGS=-Wl,-u,__gcov_dump"]
    configure = ["cmake", "--preset", "host", "-B", str(build), *flags]
    _succeed(configure, root)
    _succeed(["cmake", "--build", str(build)], root)
    for old in build.rglob("*.gcda"):
        old.unlink()
    tests = ["ctest", "--test-dir", str(build), "--output-on-failure", f"--parallel={os.cpu_count() or 1}"]
    done = subprocess.run(tests, cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        print(done.stdout)
    return done.returncode == 0


def _show_sources(root: Path, folder: Path) -> None:
    """Links the sources where gcov looks for them: it knows them by paths from the root, and writes where it is run."""
    for name in ("kernel", "arch"):
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(root / name)


def _read(build: Path, data: Iterable[Path]) -> dict[str, _Seen]:
    """Reads what gcov says about all files of kernel/ except the tests', by their paths from the root."""
    seen: dict[str, _Seen] = defaultdict(_Seen)
    for file in _files(_gcov(build, ["--json-format", "--stdout", "--branch-probabilities"], data)):
        if file["file"].startswith("kernel/") and not file["file"].startswith("kernel/tests/"):
            for line in file["lines"]:
                seen[file["file"]].add(line)
    return seen


def _files(said: str) -> Iterator[dict[str, Any]]:
    for line in said.splitlines():
        yield from json.loads(line)["files"]


def _gcov(folder: Path, options: Sequence[str], data: Iterable[Path]) -> str:
    """Runs gcov in a folder, where it leaves its files."""
    return _succeed(["gcov", *options, *map(str, data)], folder)


def _succeed(command: Sequence[str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LadderError(f"{' '.join(command[:3])} ... failed:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout
