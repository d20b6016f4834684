"""`class` with the real grader: a right solution, one that does not compile after it, and a planted bug."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

from grade.classroom.sample import write_sample
from grade.ladder.trees import Tree, find_root
from grade.tests.submission.submission_trees import SEALED

ROOT = find_root(Path(__file__))


def test_a_class_is_graded_for_real(tmp_path: Path) -> None:
    submissions, graded = tmp_path / "in", tmp_path / "graded"
    names = write_sample(Tree(ROOT), 1, "x86_64", 31, submissions)
    wanted = {"solution": names[0], "bug": names[1], "starter": names[10], "broken": names[30]}
    assert "solution" in names[0] and "starter" in names[10] and "broken-code" in names[30]
    for path in submissions.iterdir():
        if path.name.removesuffix(".tar.gz") not in wanted.values():
            path.unlink()
    options = ["--isa", "x86_64", "-j", "1", *([] if SEALED else ["--unsealed"])]
    command = [sys.executable, "-m", "grade", "class", str(submissions), "-o", str(graded), *options]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert run.returncode == 0, run.stdout + run.stderr
    rows = {row["submission"]: row for row in csv.DictReader(io.StringIO((graded / "grades.csv").read_text()))}
    assert rows[wanted["solution"]]["points"] == "100" and rows[wanted["starter"]]["points"] == "0"
    assert float(rows[wanted["bug"]]["points"]) < 100
    # It is built in the same place, after the solution (the order is that of names): nothing of that is there any more.
    assert rows[wanted["broken"]]["points"] == "0"
    broken = json.loads((graded / "results" / f"{wanted['broken']}.json").read_text())
    assert {result["cause"] for result in broken["results"]} == {"does-not-compile"}
    assert "not finished" in (graded / "students" / f"{wanted['broken']}.html").read_text()
    solution = json.loads((graded / "results" / f"{wanted['solution']}.json").read_text())
    assert solution["submission"]["sealed"] == SEALED and solution["class"]["cpu"] > 1
    bug = (graded / "students" / f"{wanted['bug']}.html").read_text()
    assert "look at" in bug and "iframe" in bug and "How an address is walked" in bug
