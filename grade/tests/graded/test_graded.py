"""The table of the grader graded: it counts what was run, and does not hide what was not."""

import json
import re
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.console import Console

from grade import grading
from grade.course import testing
from grade.course.graded import (
    Corpus,
    Kind,
    Outcome,
    is_led_well,
    read_outcomes,
    references,
    table,
    write_outcomes,
    wrong_plants,
)
from grade.grading import GradeOptions
from grade.ladder.trees import find_root
from grade.results.files import write_json
from grade.results.result import Result, Status
from grade.results.verdict import Verdict
from grade.tests import conftest

ROOT = find_root(Path(__file__))
COUNTS = [Corpus(lab=1, bugs=2, plants=3, variants=2), Corpus(lab=2, bugs=1, plants=2, variants=0)]
CAUGHT = Outcome(Kind.BUG, 1, "x86_64", "one", is_right=True, cause_is_right=True)
MISCAUSED = Outcome(Kind.BUG, 1, "aarch64", "one", is_right=True)
MISSED = Outcome(Kind.BUG, 1, "x86_64", "other", is_right=False)
VARIANT = Outcome(Kind.VARIANT, 1, "x86_64", "recursive", is_right=True)


def shown(outcomes: list[Outcome]) -> list[list[str]]:
    """Returns the cells of the table's rows."""
    columns = table(COUNTS, outcomes).columns
    return [list(row) for row in zip(*(column.cells for column in columns), strict=True)]


def test_bugs_caught_and_causes_right_are_counted_apart() -> None:
    first, second, all_labs, percentages = shown([CAUGHT, MISCAUSED, MISSED])
    assert first == ["1", "2", "3", "2/3", "1/3", "not run", "not run", *["not run"] * 3]
    assert second == ["2", "1", "2", *["not run"] * 7]
    assert all_labs == ["all", "3", "5", "2/3, 2 not run", "1/3", *["not run"] * 5]
    assert percentages == ["", "", "", "66.6%", "33.3%", *[""] * 5]


def test_a_bug_in_given_code_has_no_right_file() -> None:
    led = replace(CAUGHT, file_is_right=True, first_is_right=False)
    _, _, all_labs, percentages = shown([led, MISCAUSED])
    assert all_labs[5:7] == ["1/1", "0/1"] and percentages[5:7] == ["100%", "0%"]


def test_each_wrong_plant_is_named() -> None:
    led = replace(CAUGHT, file_is_right=True, first_is_right=True)
    astray = replace(CAUGHT, name="astray", file_is_right=False, first_is_right=False)
    assert wrong_plants([led, VARIANT, astray, MISCAUSED, MISSED]) == [
        "lab 1, astray on x86_64: file, First", "lab 1, one on aarch64: cause", "lab 1, other on x86_64: caught, cause"
    ]  # fmt: skip


@pytest.mark.parametrize("field", ["file_is_right", "first_is_right"])
def test_nineteen_of_twenty_are_led_to_the_right_file(field: str) -> None:
    """And those of given code do not count."""
    led = replace(CAUGHT, file_is_right=True, first_is_right=True)
    astray = replace(led, **{field: False})
    assert is_led_well([*[led] * 19, astray, *[CAUGHT] * 9]) and is_led_well([])
    assert not is_led_well([*[led] * 18, astray, *[CAUGHT] * 9])


def test_only_all_is_a_hundred_percent() -> None:
    plants = [Outcome(Kind.BUG, 1, "x86_64", str(n), is_right=n > 0, cause_is_right=True) for n in range(5000)]
    assert shown(plants)[-1][3:5] == ["99.9%", "100%"]


def test_a_variant_that_was_not_run_is_shown() -> None:
    assert shown([VARIANT])[0][-1] == "1/1, 1 not run"


def test_the_table_fits_a_terminal_if_all_was_run() -> None:
    counts = [Corpus(lab=1, bugs=999, plants=999, variants=999)]
    plants = [Outcome(Kind.BUG, 1, "x86_64", str(n), is_right=True, cause_is_right=True) for n in range(999)]
    console = Console(width=80)
    assert console.measure(table(counts, plants)).minimum <= 80
    with console.capture() as capture:
        console.print(table(counts, plants))
    assert "999/999" in capture.get()


def test_a_reference_is_right_if_all_its_milestones_pass(tmp_path: Path) -> None:
    def result(lab: int, milestone: str, status: Status) -> Result:
        return Result(lab, "x86_64", milestone, "", 0, 0, status, Verdict(), 0)

    passed, failed = result(1, "1.1", Status.PASSED), result(2, "1.1", Status.ERROR)
    write_json([passed, result(1, "1.2", Status.PASSED), failed, result(2, "2.1", Status.PASSED)], tmp_path / "r.json", 7)
    assert {found.lab: found.is_right for found in references(tmp_path / "r.json")} == {1: True, 2: False}
    assert references(tmp_path / "none.json") == []


def test_outcomes_are_read_as_they_were_written(tmp_path: Path) -> None:
    write_outcomes([CAUGHT, VARIANT], tmp_path / "build" / "graded.json")
    assert read_outcomes(tmp_path / "build" / "graded.json") == [CAUGHT, VARIANT]
    assert read_outcomes(tmp_path / "none.json") == []


def test_the_last_outcome_of_a_test_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conftest, "find_root", lambda start: tmp_path)
    gatherer = conftest._Gatherer()
    properties: list[tuple[str, object]] = []
    record = conftest.record.__wrapped__(lambda name, value: properties.append((name, value)))
    begun, elsewhere = replace(CAUGHT, is_right=False), replace(CAUGHT, isa="aarch64")
    record(begun)
    gatherer.pytest_runtest_logreport(SimpleNamespace(nodeid="a test", duration=2.5, user_properties=list(properties)))
    assert list(gatherer.outcomes.values()) == [begun]
    record(elsewhere)
    record(CAUGHT)
    gatherer.pytest_runtest_logreport(SimpleNamespace(nodeid="a test", duration=2.5, user_properties=properties))
    gatherer.pytest_sessionfinish()
    assert read_outcomes(tmp_path / conftest.OUTCOMES) == [CAUGHT, elsewhere]
    assert json.loads((tmp_path / conftest.MINUTES).read_text()) == {"a test": 5.0}


def test_a_run_ends_with_the_table_of_what_it_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an earlier run left does not count, and with --quick bugs and variants are shown as not run."""
    called: list[list[str]] = []

    def reference_passes(options: GradeOptions, console: Console) -> int:
        write_json([Result(1, "x86_64", "1.1", "", 0, 0, Status.PASSED, Verdict(), 0)], options.json_file, 7)
        return grading.PASSED

    def starter_is_right(root: Path, arguments: list[str]) -> bool:
        called.append(arguments)
        write_outcomes([Outcome(Kind.STARTER, 1, "x86_64", "starter", is_right=True)], root / testing.OUTCOMES)
        return True

    (tmp_path / "labs" / "1-map").mkdir(parents=True)
    lab = 'number = 1\ntitle = "Map"\nowned = []\nadds = []\nretires = []\n'
    (tmp_path / "labs" / "1-map" / "lab.toml").write_text(lab, encoding="utf-8")
    monkeypatch.setattr(testing, "find_root", lambda start: tmp_path)
    monkeypatch.setattr(testing, "_build_everything", lambda root, console, quick: True)
    monkeypatch.setattr(testing, "_host_tests", lambda root, console: True)
    monkeypatch.setattr(testing, "_pytest", starter_is_right)
    monkeypatch.setattr(grading, "run", reference_passes)
    monkeypatch.setattr(testing, "corpus", lambda root: COUNTS)
    write_outcomes([CAUGHT, VARIANT], tmp_path / testing.OUTCOMES)
    shown_to = Console(width=120, record=True, file=StringIO())
    assert testing.run(shown_to, quick=True, jobs=1) == grading.PASSED
    first = next(line for line in shown_to.export_text().splitlines() if line.split()[:1] == ["1"])
    assert re.split(r"  +| (?=1/1)", first.strip()) == [
        "1", "2", "3", *["not run"] * 4, "1/1, 1 not run", "1/1, 1 not run", "not run"
    ]  # fmt: skip
    left_out = [argument.removeprefix("--ignore-glob=") for argument in called[0] if "ignore" in argument]
    assert {"*/test_bugs.py", "*/test_variants.py"} <= set(left_out)
    there = [len(list((ROOT / "grade/tests").rglob(name.removeprefix("*/")))) for name in left_out]
    assert set(there) == {1}, "each that is left out is there, once"
