"""Counts which lines and branches of the grader and of the labs' checks the tests run, by coverage.py.

Every Python that the tests start is counted as well: it finds a module on its path that begins to count.
"""

import json
import os
import shutil
import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from grade.course.counts import Counts
from grade.course.testing import WITHOUT_LONG
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree

ALL = "all"
_TESTS = "grade/tests"
_SETTINGS = """[run]
branch = true
parallel = true
sigterm = true
source =
    {root}/grade
    {root}/labs
omit =
    */tests/*
data_file = {folder}/counted
disable_warnings =
    module-not-imported
    module-not-measured
    no-data-collected
"""
_BEGINS = "import coverage\n\ncoverage.process_startup()\n"


def measure(root: Path, folder: Path, tests: Sequence[str], jobs: int | None) -> tuple[dict[str, Counts | None], bool]:
    """Runs tests; returns the counts of each folder, and whether all passed.

    If none is named: the quick ones, and the milestones of the last lab. LadderError if coverage.py is missing.
    """
    if find_spec("coverage") is None:
        raise LadderError("coverage needs coverage.py: apt-get install python3-coverage, or pip install coverage")
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "start").mkdir(parents=True)
    (folder / "start" / "sitecustomize.py").write_text(_BEGINS, encoding="utf-8")
    settings = folder / "settings"
    settings.write_text(_SETTINGS.format(root=root, folder=folder), encoding="utf-8")
    passed = _run_tests(root, settings, tests, jobs)
    for command in (
        ("combine", "--quiet"),
        ("html", "--quiet", f"--directory={folder}/html"),
        ("json", "--quiet", "-o", f"{folder}/json"),
    ):
        name, *arguments = command
        subprocess.run([sys.executable, "-m", "coverage", name, f"--rcfile={settings}", *arguments], cwd=root, check=True)
    return _by_folder(json.loads((folder / "json").read_text(encoding="utf-8"))), passed


def _run_tests(root: Path, settings: Path, tests: Sequence[str], jobs: int | None) -> bool:
    quick = [_TESTS, *WITHOUT_LONG]
    workers = str(jobs or os.cpu_count() or 1)
    quiet = ["-q", "-p", "no:cacheprovider", f"--rootdir={root}", "-n", workers, "--dist=loadgroup"]
    path = os.pathsep.join([str(settings.parent / "start"), str(root)])
    environment = os.environ | {"COVERAGE_PROCESS_START": str(settings), "PYTHONPATH": path}
    command = [sys.executable, "-m", "pytest", *quiet, *(tests or quick)]
    passed = subprocess.run(command, cwd=root, env=environment, check=False).returncode == 0
    if tests:
        return passed
    grade = [sys.executable, "-P", "-m", "grade", "grade", str(Tree(root).lab)]
    return subprocess.run(grade, cwd=root, env=environment, check=False).returncode == 0 and passed


def _by_folder(report: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, Counts | None]:
    """Adds up the files of each folder: grade/walker, labs/6-fork; and all of them."""
    folders: dict[str, Counts | None] = defaultdict(Counts)
    every = Counts()
    for path, said in report["files"].items():
        summary = said["summary"]
        counts = Counts(
            summary["num_statements"], summary["covered_lines"], summary["num_branches"], summary["covered_branches"]
        )
        folder = "/".join(Path(path).parts[:-1][:2])
        folders[folder] = (folders[folder] or Counts()) + counts
        every += counts
    return {**dict(sorted(folders.items())), ALL: every}
