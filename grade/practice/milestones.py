"""Grades another tree with the tests of this one, in a process of its own."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from grade.ladder.labs import load_labs
from grade.pipes import input_of, output_of

_JUDGE = "grade.practice.judge"
_OWN = threading.local()
"""Each thread has a judge of its own, from its first request on; it ends with this process."""


def run_milestones(
    tree: Path, graded: Path, lab: int, isas: Sequence[str], milestones: Sequence[str] = (), failures: Path | None = None
) -> list[dict[str, Any]]:
    """Grades the kernels of `lab` in the cut tree `graded` with the tests of `tree`, in a process of its own.

    Returns the results as they are in the JSON file; of all milestones if none is named. Failures are kept in the folder
    `failures` (grade/failed/failed_run.py), or not at all.
    """
    asked = {int(number.split(".")[0]) for number in milestones} or set(range(1, lab + 1))
    labs = [known for known in load_labs(tree) if known.number in asked]
    folders = [str(known.folder) for known in labs if any(known.folder.glob("test_*.py"))]
    with TemporaryDirectory(prefix="pagewalk-results-") as folder:
        results, output = Path(folder) / "results.json", Path(folder) / "output.txt"
        options = [*folders, "-q", "--tb=no", "--seed=1", "-p", "no:cacheprovider", f"--rootdir={tree}"]
        options += [f"--tree={graded}", f"--lab={lab}", *(f"--isa={isa}" for isa in isas)]
        options += [f"--failures={failures}"] if failures is not None else ["--forget-failures"]
        options += [f"--milestone={number}" for number in milestones] + [f"--results-json={results}"]
        _run_pytest(options, tree, output)
        if not results.exists():
            said = output.read_text(encoding="utf-8", errors="replace") if output.exists() else ""
            raise RuntimeError(f"pytest gave no results:\n{said[-4000:]}")
        judged: list[dict[str, Any]] = json.loads(results.read_text(encoding="utf-8"))["results"]
        return judged


def _run_pytest(options: Sequence[str], folder: Path, output: Path) -> None:
    # The options of a pytest that called us are not for this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    request = {"options": options, "folder": str(folder), "environment": environment, "output": str(output)}
    judge = _judge(folder)
    ask = input_of(judge)
    ask.write(f"{json.dumps(request)}\n".encode())
    ask.flush()
    if not output_of(judge).readline():
        raise RuntimeError(f"{_JUDGE} has ended with status {judge.wait()}")


def _judge(tree: Path) -> subprocess.Popen[bytes]:
    """Returns the judge of this thread, which has the grader of `tree`."""
    known: dict[Path, subprocess.Popen[bytes]] = getattr(_OWN, "judges", {})
    _OWN.judges = known
    if tree not in known or known[tree].poll() is not None:
        command = [sys.executable, "-m", _JUDGE]
        known[tree] = subprocess.Popen(command, cwd=tree, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    return known[tree]
