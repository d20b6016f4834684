"""The grader graded: its results for planted bugs, starters, references and variants, gathered and shown as one table.

Tests record an Outcome each; grade/tests/conftest.py gathers them in a file below build/.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from rich.box import SIMPLE
from rich.table import Table

from grade.course.variants import load_variants
from grade.isa import ISAS
from grade.ladder.trees import Tree
from grade.patches.bugs import load_bugs
from grade.results.result import Status
from grade.run_plan import graded_labs


class Kind(StrEnum):
    """The kinds of kernels that were graded."""

    BUG = "bug"
    STARTER = "starter"
    REFERENCE = "reference"
    VARIANT = "variant"


@dataclass(frozen=True)
class Outcome:
    """Whether the grader was right about one kernel. For a bug: whether it was caught, and what it was told by."""

    kind: Kind
    lab: int
    isa: str
    name: str
    is_right: bool
    cause_is_right: bool = False
    file_is_right: bool | None = None
    """Whether a student is led to the right file; None where it is not a student's."""
    first_is_right: bool | None = None
    """Whether what the student is told to look at first is right; None likewise."""


@dataclass(frozen=True)
class Corpus:
    """How many kernels of each kind there are for a lab. A plant is a bug on one ISA; `variants` also counts each ISA."""

    lab: int
    bugs: int
    plants: int
    variants: int

    def of(self, kind: Kind) -> int:
        """Returns the number of kernels of that kind."""
        return {Kind.BUG: self.plants, Kind.VARIANT: self.variants}.get(kind, len(ISAS))


def corpus(root: Path) -> list[Corpus]:
    """Returns how many kernels there are for each lab."""
    bugs, variants = load_bugs(root), load_variants(root)
    return [
        Corpus(
            lab=lab,
            bugs=sum(bug.lab == lab for bug in bugs),
            plants=sum(len(bug.isas) for bug in bugs if bug.lab == lab),
            variants=sum(len(variant.isas) for variant in variants if variant.lab == lab),
        )
        for lab in graded_labs(Tree(root))
    ]


def write_outcomes(outcomes: Iterable[Outcome], path: Path) -> None:
    """Writes the outcomes to a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(outcome) for outcome in outcomes], indent=1) + "\n", encoding="utf-8")


def read_outcomes(path: Path) -> list[Outcome]:
    """Reads the outcomes in a file; none if there is no file."""
    if not path.exists():
        return []
    return [outcome_from(fields) for fields in json.loads(path.read_text(encoding="utf-8"))]


def outcome_from(fields: dict[str, Any]) -> Outcome:
    """Returns an outcome from its fields as they were written."""
    outcome: dict[str, Any] = {**fields, "kind": Kind(fields["kind"])}
    return Outcome(**outcome)


def references(results_json: Path) -> list[Outcome]:
    """Returns outcomes from a run of all milestones on main: the reference of a lab and ISA is right if all of them passed."""
    if not results_json.exists():
        return []
    passed: dict[tuple[int, str], bool] = {}
    for result in json.loads(results_json.read_text(encoding="utf-8"))["results"]:
        key = (result["lab"], result["isa"])
        passed[key] = passed.get(key, True) and result["status"] == Status.PASSED
    return [Outcome(Kind.REFERENCE, lab, isa, "reference", is_right) for (lab, isa), is_right in passed.items()]


def table(counts: Sequence[Corpus], outcomes: Sequence[Outcome]) -> Table:
    """Returns the table about the grader, with a row for each lab and one for all."""
    shown = Table(title="the grader graded", title_justify="left", box=SIMPLE, padding=(0, 0, 0, 1), show_edge=False)
    columns = ("lab", "bugs", "plants", *(title for title, _, _ in _COLUMNS))
    for column in columns:
        shown.add_column(column, justify="right")
    for row in counts:
        shown.add_row(str(row.lab), *_cells([row], [outcome for outcome in outcomes if outcome.lab == row.lab]))
    shown.add_section()
    shown.add_row("all", *_cells(counts, outcomes))
    shown.add_row("", "", "", *(_percentage(outcomes, kind, field) for _, kind, field in _COLUMNS))
    return shown


def wrong_plants(outcomes: Iterable[Outcome]) -> list[str]:
    """Returns a line for each plant of which something is wrong: what, by the titles of the table's columns."""
    lines = []
    for outcome in outcomes:
        wrong = [title for title, kind, field in _COLUMNS if kind is Kind.BUG and getattr(outcome, field) is False]
        if outcome.kind is Kind.BUG and wrong:
            lines.append(f"lab {outcome.lab}, {outcome.name} on {outcome.isa}: {', '.join(wrong)}")
    return sorted(lines)


def is_led_well(outcomes: Sequence[Outcome]) -> bool:
    """Returns whether students are led to the right file often enough, of the plants that were run."""
    counts = [_count(outcomes, Kind.BUG, field) for field in ("file_is_right", "first_is_right")]
    return all(right >= ran * _LED_WELL for ran, right in counts)


_LED_WELL = 0.95
"""The share of plants of which the file must be right, and what is named first."""

_COLUMNS = (
    ("caught", Kind.BUG, "is_right"),
    ("cause", Kind.BUG, "cause_is_right"),
    ("file", Kind.BUG, "file_is_right"),
    ("First", Kind.BUG, "first_is_right"),
    ("starter", Kind.STARTER, "is_right"),
    ("reference", Kind.REFERENCE, "is_right"),
    ("variants", Kind.VARIANT, "is_right"),
)
"""The title of each column, and what it counts."""


def _cells(counts: Sequence[Corpus], outcomes: Sequence[Outcome]) -> list[str]:
    cells = [str(sum(row.bugs for row in counts)), str(sum(row.plants for row in counts))]
    for _, kind, field in _COLUMNS:
        there = sum(row.of(kind) for row in counts)
        ran, right = _count(outcomes, kind, field)
        rest = f", {there - ran} not run" if ran < there and field == "is_right" else ""
        cells.append(f"{right}/{ran}{rest}" if ran else "not run")
    return cells


def _percentage(outcomes: Sequence[Outcome], kind: Kind, field: str) -> str:
    """Returns the share of the kernels run, rounded down: 100% is all of them."""
    ran, right = _count(outcomes, kind, field)
    return f"{right * 1000 // ran / 10:g}%" if ran else ""


def _count(outcomes: Sequence[Outcome], kind: Kind, field: str) -> tuple[int, int]:
    """Returns for how many kernels of that kind the field is known, and for how many it is true."""
    known = [value for outcome in outcomes if outcome.kind is kind and (value := getattr(outcome, field)) is not None]
    return len(known), sum(known)
