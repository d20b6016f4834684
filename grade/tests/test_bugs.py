"""The grader is graded: each planted bug makes its milestones fail, on each ISA, and the first names the right cause."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from grade.course.bugs import Verdict, check
from grade.course.graded import Kind, Outcome
from grade.ladder.labs import load_labs
from grade.ladder.trees import find_root
from grade.practice.bug import Bug
from grade.practice.bugs import load_bugs

ROOT = find_root(Path(__file__))
BUGS = load_bugs(ROOT)
LEAST = {1: 12, 2: 9, 3: 22, 4: 10, 5: 30, 6: 16}
"""How many bugs each lab has at the least."""


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.name) for bug in BUGS])
def test_planted_bug_is_caught(bug: Bug, record: Callable[[Outcome], None]) -> None:
    """On all its ISAs: what is planted is the same, and so are its host tests, which take longest to build."""
    for isa in bug.isas:
        record(Outcome(Kind.BUG, bug.lab, isa, bug.name, is_right=False))
    verdicts = check(ROOT, bug)
    for verdict in verdicts:
        record(Outcome(Kind.BUG, bug.lab, verdict.isa, bug.name, verdict.caught, verdict.caught and verdict.cause_is_right))
    problems = [f"{verdict.isa}: {_problem(verdict)}\n\n{verdict.messages}" for verdict in verdicts if _problem(verdict)]
    assert not problems, "\n\n".join(problems)


def _problem(verdict: Verdict) -> str | None:
    """What is wrong with a verdict, if anything is."""
    if not verdict.caught:
        return f"{', '.join(verdict.missing)} did not fail"
    if not verdict.cause_is_right:
        return f"{verdict.cause_seen}, not {verdict.bug.causes[verdict.isa]}"
    return None


@pytest.mark.parametrize("lab", sorted(LEAST))
def test_each_lab_has_its_bugs(lab: int) -> None:
    assert len([bug for bug in BUGS if bug.lab == lab]) >= LEAST[lab]


def test_names_are_unique() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)


def test_each_milestone_is_failed_by_some_bug() -> None:
    tests = [path.read_text(encoding="utf-8") for lab in load_labs(ROOT) for path in lab.folder.glob("test_*.py")]
    milestones = set(re.findall(r'^@milestone\("([\d.]+)"', "\n".join(tests), re.MULTILINE))
    assert milestones - {number for bug in BUGS for number in bug.fails} == set()
