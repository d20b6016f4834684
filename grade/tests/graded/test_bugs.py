"""The grader is graded: each planted bug makes its milestones fail, on each ISA, and the first names the right cause."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from grade.course.bugs import Finding, check
from grade.course.graded import Kind, Outcome
from grade.course.testing import WHOLE
from grade.ladder.labs import load_labs
from grade.ladder.trees import find_root
from grade.milestones import milestones_of
from grade.patches.bug import Bug
from grade.patches.bugs import load_bugs

ROOT = find_root(Path(__file__))
BUGS = load_bugs(ROOT)
LEAST = {1: 12, 2: 9, 3: 22, 4: 10, 5: 30, 6: 16}
"""How many bugs each lab has at the least."""


@pytest.mark.parametrize("bug", [pytest.param(bug, id=bug.name) for bug in BUGS])
def test_planted_bug_is_caught(bug: Bug, record: Callable[[Outcome], None]) -> None:
    """On all its ISAs: what is planted is the same, and so are its host tests, which take longest to build."""
    for isa in bug.isas:
        record(Outcome(Kind.BUG, bug.lab, isa, bug.name, is_right=False))
    findings = check(ROOT, bug, is_whole=WHOLE in os.environ)
    for finding in findings:
        record(_outcome(finding))
    problems = [f"{finding.isa}: {_problem(finding)}\n\n{finding.messages}" for finding in findings if _problem(finding)]
    assert not problems, "\n\n".join(problems)


def _outcome(finding: Finding) -> Outcome:
    caught, known = finding.caught, finding.is_students
    return Outcome(
        Kind.BUG,
        finding.bug.lab,
        finding.isa,
        finding.bug.name,
        caught,
        caught and finding.cause_is_right,
        caught and finding.file_is_right if known else None,
        caught and finding.first_is_right if known else None,
    )


def _problem(finding: Finding) -> str | None:
    """Returns what is wrong with what was found, if anything is."""
    if not finding.caught:
        return f"{', '.join(finding.missing)} did not fail"
    wrong = (f"{number}: {finding.causes_seen.get(number)}, not {cause}" for number, cause in finding.wrong_causes.items())
    return "; ".join(wrong) or None


@pytest.mark.parametrize("lab", sorted(LEAST))
def test_each_lab_has_its_bugs(lab: int) -> None:
    assert len([bug for bug in BUGS if bug.lab == lab]) >= LEAST[lab]


def test_names_are_unique() -> None:
    assert len({bug.name for bug in BUGS}) == len(BUGS)


def test_each_milestone_is_failed_by_some_bug() -> None:
    milestones = {known.number for known in milestones_of(load_labs(ROOT))}
    assert milestones - {number for bug in BUGS for number in bug.fails} == set()
