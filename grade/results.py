"""The one model of a result behind every writer: terminal, JSON, JUnit XML."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from grade.version import PAGEWALK

VERSION = 1

NOT_WRITTEN = "not written yet: "
"""In the message of a milestone that is still to do, before the function's name."""


class Status(StrEnum):
    """How a milestone stands."""

    PASSED = "passed"
    FAILED = "failed"
    TODO = "todo"  # a function on the way is still to be written
    ERROR = "error"  # the grader itself could not judge


@dataclass(frozen=True)
class Result:
    """One milestone on one ISA. `lab` is the lab whose kernel was graded.

    An earlier lab's milestone that is run again on a later kernel has max 0: it must hold, its points are counted once.
    `message` is everything a student reads about a failure; `duration` is in seconds.
    """

    lab: int
    isa: str
    milestone: str
    title: str
    points: float
    max: float
    status: Status
    cause: str | None
    message: str
    duration: float

    @property
    def waits(self) -> bool:
        """Whether an earlier lab's milestone could not be judged, because code of this lab on the way is not written."""
        return self.status is Status.TODO and not self.max

    @property
    def sort_key(self) -> tuple:
        """By lab, then milestone as numbers, then ISA."""
        return (self.lab, [int(part) for part in self.milestone.split(".")], self.isa)


def write_json(results: Sequence[Result], path: Path, submission: dict[str, Any] | None = None) -> None:
    """Writes {"version": 1, "pagewalk": "1.1.0", "results": [...]}, sorted; and "submission", what was graded, if it was handed in."""
    ordered = sorted(results, key=lambda result: result.sort_key)
    document = {"version": VERSION, "pagewalk": PAGEWALK, "results": [asdict(result) for result in ordered]}
    if submission is not None:
        document["submission"] = submission
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def write_junit(results: Sequence[Result], path: Path) -> None:
    """Writes JUnit XML: a suite for each lab and ISA, a case for each milestone."""
    from junitparser import Error, JUnitXml, Skipped, TestCase, TestSuite
    from junitparser import Failure as JUnitFailure

    kinds = {Status.FAILED: JUnitFailure, Status.TODO: Skipped, Status.ERROR: Error}
    suites: dict[tuple[int, str], TestSuite] = {}
    for result in sorted(results, key=lambda result: result.sort_key):
        case = TestCase(f"{result.milestone} {result.title}", f"lab{result.lab}.{result.isa}", result.duration)
        if result.status in kinds:
            case.result = [kinds[result.status](_printable(result.message), result.cause or str(result.status))]
        suites.setdefault((result.lab, result.isa), TestSuite(f"lab {result.lab}, {result.isa}")).add_testcase(case)
    document = JUnitXml("Pagewalk")
    for suite in suites.values():
        document.add_testsuite(suite)
    document.write(str(path), pretty=True)


def _printable(text: str) -> str:
    """Without the control characters that XML cannot hold; a guest can print any."""
    return "".join(c if c in "\n\t" or c >= " " else "\N{REPLACEMENT CHARACTER}" for c in text)
