"""The ladder from below: each lab's starter builds, fails exactly its new milestones, and says what is to be written."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from grade.checks.host_tests import programs_for
from grade.course.graded import Kind, Outcome
from grade.cutting.cutter import cut
from grade.isa import ISAS
from grade.ladder.build import build_host_tests, build_kernel
from grade.ladder.trees import Tree, find_root, locked
from grade.run_plan import graded_labs

ROOT = find_root(Path(__file__))
LABS = graded_labs(Tree(ROOT))

# The functions that a kernel of the starter, or its host tests, can come to first.
FIRST_HOLES = {
    1: ("turn_on_paging", "lookup"),
    2: ("map_high_half",),
    3: ("create", "unmap"),
    4: ("allocate_user_frame", "open"),
    5: ("place_from",),
    6: ("fork_current",),
}


def starter(lab: int) -> Path:
    """Returns the starter tree of a lab, kept up to date in build/starters/."""
    into = ROOT / "build" / "starters" / f"lab-{lab}"
    with locked(into.with_suffix(".lock")):
        cut(ROOT, lab, lab - 1, into, ISAS)
    return into


def grade(lab: int, isa: str, tree: Path, folder: Path) -> dict[str, dict]:
    """Returns the results by milestone of grading `tree` with the tests of this one."""
    out = folder / "results.json"
    command = [sys.executable, "-m", "grade", "grade", str(lab), "--isa", isa, "--tree", str(tree), "--json", str(out)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 1, run.stdout + run.stderr
    return {result["milestone"]: result for result in json.loads(out.read_text())["results"]}


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize("lab", LABS)
def test_starter_fails_exactly_its_new_milestones(
    lab: int, isa: str, tmp_path: Path, record: Callable[[Outcome], None]
) -> None:
    record(Outcome(Kind.STARTER, lab, isa, "starter", is_right=False))
    tree = starter(lab)
    build_kernel(tree, isa)
    for program in programs_for(lab):
        build_host_tests(tree, program)
    results = grade(lab, isa, tree, tmp_path)
    new = {number for number in results if number.startswith(f"{lab}.")}
    assert {number for number, result in results.items() if result["status"] != "passed"} == new
    assert len(new) >= 8
    for number in new:
        result = results[number]
        assert (result["status"], result["points"]) == ("todo", 0)
        assert result["message"] in [f"not written yet: {hole}" for hole in FIRST_HOLES[lab]]
    record(Outcome(Kind.STARTER, lab, isa, "starter", is_right=True))
