"""docs/holes.md says of each function that a student writes what rests on it: measured again, one hole at a time.

From that it follows what is green when some are written and some are not: a milestone is, if it rests on no other
function. This is tried with each function alone, and where the handouts' order makes some of a lab's milestones green.
"""

from pathlib import Path

import pytest

from grade.course import hole_table
from grade.course.hole_table import (
    DOCUMENT,
    Exercise,
    NotAsOpen,
    document,
    exercises,
    green_with,
    judged_by,
    passing_with,
    read,
    resting_on,
)
from grade.isa import ISAS
from grade.ladder.labs import load_labs
from grade.ladder.trees import find_root

ROOT = find_root(Path(__file__))
LABS = load_labs(ROOT)
EXERCISES = exercises(ROOT)
TABLE = read((ROOT / DOCUMENT).read_text(encoding="utf-8"))
RENEW = f"{DOCUMENT} is out of date: ./pagewalk test --renew-docs"


def _has_one_for_each_isa(exercise: Exercise) -> bool:
    return "<isa>" in exercise.file


CASES = [
    # One worker does both ISAs: the host tests of the tree with this hole, which take longest to build, are the same.
    pytest.param(exercise, isa, id=f"{exercise}-{isa}", marks=pytest.mark.xdist_group(str(exercise)))
    for place, exercise in enumerate(EXERCISES)
    for isa in (ISAS if _has_one_for_each_isa(exercise) else (ISAS[place % len(ISAS)],))
]
"""Each function that is written for an ISA on that one; all others on one ISA, and the ISAs in turn."""
ONE_EACH = [
    pytest.param(exercise, ISAS[place % len(ISAS)], id=str(exercise)) for place, exercise in enumerate(EXERCISES, start=1)
]
"""Each function on one ISA, and the ISAs in turn."""


def stations() -> list[tuple[Exercise, set[str]]]:
    """Returns the functions at which some milestones of a lab turn green, but not yet all, with all that is written by then."""
    found = []
    for lab in LABS:
        written: set[str] = set()
        green: set[str] = set()
        for exercise in (one for one in EXERCISES if one.lab == lab.number):
            written = written | {exercise.function}
            before, green = green, green_with(TABLE, lab.number, written)
            if before != green and green != green_with(TABLE, lab.number, {one.function for one in EXERCISES}):
                found.append((exercise, written))
    return found


def test_the_document_is_about_the_holes_that_are_there() -> None:
    assert list(TABLE) == EXERCISES, RENEW
    assert document(LABS, TABLE) == (ROOT / DOCUMENT).read_text(encoding="utf-8"), RENEW


@pytest.mark.parametrize(("exercise", "isa"), CASES)
def test_what_rests_on_a_function(exercise: Exercise, isa: str) -> None:
    """With this hole left open alone these milestones fail, each by its name, and all others pass."""
    milestones = judged_by(ROOT, exercise.lab, isa if _has_one_for_each_isa(exercise) else ISAS[0])
    recorded = tuple(number for number in TABLE[exercise] if number in milestones)
    assert resting_on(ROOT, exercise, isa, milestones) == recorded, RENEW


@pytest.mark.parametrize(("exercise", "isa"), ONE_EACH)
def test_one_function_alone(exercise: Exercise, isa: str) -> None:
    """Without host tests, which take long to build."""
    milestones = judged_by(ROOT, exercise.lab, ISAS[1])
    expected = green_with(TABLE, exercise.lab, {exercise.function}) & set(milestones)
    assert passing_with(ROOT, exercise.lab, {exercise.function}, isa, milestones) == expected


@pytest.mark.parametrize("isa", ISAS)
@pytest.mark.parametrize(("last", "written"), [pytest.param(*station, id=str(station[0])) for station in stations()])
def test_half_way(last: Exercise, written: set[str], isa: str) -> None:
    milestones = judged_by(ROOT, last.lab, isa)
    expected = green_with(TABLE, last.lab, written) & set(milestones)
    assert passing_with(ROOT, last.lab, written, isa, milestones) == expected


def test_each_function_is_worth_something() -> None:
    """A function on which nothing rests could be left out for full points."""
    assert not [str(exercise) for exercise, resting in TABLE.items() if not resting]


@pytest.mark.parametrize("lab", [lab.number for lab in LABS])
def test_each_milestone_rests_on_something(lab: int) -> None:
    resting = {number for exercise in TABLE if exercise.lab == lab for number in TABLE[exercise]}
    assert resting == set(judged_by(ROOT, lab, ISAS[0]))


def test_a_function_turns_green_what_waits_for_no_row_below() -> None:
    first, second = Exercise(1, "f", "kernel/f.h"), Exercise(1, "g", "arch/<isa>/g.S")
    table = {first: ("1.1", "1.2"), second: ("1.2", "1.3")}
    text = document(LABS[:1], table)
    assert "| `f` | `kernel/f.h` | 1.1 1.2 | 1.1 |" in text
    assert "| `g` | `arch/<isa>/g.S` | 1.2 1.3 | 1.2 1.3 |" in text
    assert read(text) == table
    assert green_with(table, 1, {"g"}) == {"1.3"} and green_with(table, 1, {"f", "g"}) == {"1.1", "1.2", "1.3"}


@pytest.mark.parametrize("other", [("todo", "protect"), ("failed", "unmap"), ("failed", None)])
def test_another_failure_than_not_written_yet_is_no_result(
    other: tuple[str, str | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `unmap` left open a kernel must pass, or say that unmap is what it lacks."""
    seen = {"3.1": ("passed", None), "3.2": ("todo", "unmap")}

    def run(*_: object) -> list[dict]:
        return [
            {"milestone": number, "status": status, "function": function, "message": f"{function} is said"}
            for number, (status, function) in seen.items()
        ]

    monkeypatch.setattr(hole_table, "run_milestones", run)
    monkeypatch.setattr(hole_table, "cut", lambda *_, **__: None)
    unmap = Exercise(3, "unmap", "kernel/paging/page_table_unmap.h")
    assert resting_on(ROOT, unmap, ISAS[0], ["3.1", "3.2"]) == ("3.2",)
    assert passing_with(ROOT, 3, {"unmap"}, ISAS[0], ["3.1", "3.2"]) == {"3.1"}
    seen["3.3"] = other
    with pytest.raises(NotAsOpen, match=f"3.3 with unmap left open, .*: {other[0]}: {other[1]} is said"):
        resting_on(ROOT, unmap, ISAS[0], ["3.1", "3.2", "3.3"])
