"""Grades a tree that is not this one, with the tests of this one, in a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from grade.ladder.labs import load_labs


def run_milestones(
    tree: Path, graded: Path, lab: int, isas: Sequence[str], milestones: Sequence[str] = (), failures: Path | None = None
) -> list[dict]:
    """Grades the kernels of `lab` in the cut tree `graded` with the tests of `tree`, in a process of its own.

    Returns the results as they are in the JSON file; all milestones if none is named. What failed is kept in the folder
    `failures` (grade/boot/failed_run.py), or not at all.
    """
    labs = [known for known in load_labs(tree) if known.number <= lab]
    folders = [str(known.folder) for known in labs if any(known.folder.glob("test_*.py"))]
    with TemporaryDirectory(prefix="pagewalk-results-") as folder:
        results = Path(folder) / "results.json"
        command = [sys.executable, "-m", "pytest", *folders, "-q", "--tb=short", "-p", "no:cacheprovider"]
        command += [f"--rootdir={tree}", f"--tree={graded}", f"--lab={lab}", *(f"--isa={isa}" for isa in isas)]
        command += [f"--failures={failures}"] if failures is not None else ["--forget-failures"]
        command += [f"--milestone={number}" for number in milestones] + [f"--results-json={results}"]
        # The options of a pytest that called us are not for this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        run = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        if not results.exists():
            raise RuntimeError(f"pytest gave no results:\n{(run.stdout + run.stderr)[-4000:]}")
        return json.loads(results.read_text(encoding="utf-8"))["results"]
