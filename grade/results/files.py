"""Results as files for programs: JSON and JUnit XML."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from grade.results.result import Result, Status
from grade.version import PAGEWALK
from grade.visible import visible

VERSION = 2


def write_json(results: Sequence[Result], path: Path, seed: int, submission: dict[str, Any] | None = None) -> None:
    """Writes {"version": 2, "pagewalk": "1.1.0", "seed": 7, "results": [...]}, sorted; for a submission also "submission"."""
    ordered = sorted(results, key=lambda result: result.sort_key)
    listed = [result.as_data() for result in ordered]
    document = {"version": VERSION, "pagewalk": PAGEWALK, "seed": seed, "results": listed}
    if submission is not None:
        document["submission"] = submission
    path.write_text(json.dumps(_visible(document), indent=1) + "\n", encoding="utf-8")


def _visible(document: Any) -> Any:
    """Returns the document without characters that would steer the terminal on which a field is printed."""
    match document:
        case StrEnum():
            return document.value
        case str():
            return visible(document)
        case dict():
            return {name: _visible(value) for name, value in document.items()}
        case list() | tuple():
            return [_visible(value) for value in document]
        case _:
            return document


def write_junit(results: Sequence[Result], path: Path) -> None:
    """Writes JUnit XML: a suite for each lab and ISA, a case for each milestone."""
    from junitparser import Error
    from junitparser import Failure as JUnitFailure
    from junitparser import JUnitXml, Skipped, TestCase, TestSuite

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
    """Returns the text without the control characters that XML cannot hold; a guest can print any."""
    return "".join(c if c in "\n\t" or c >= " " else "\N{REPLACEMENT CHARACTER}" for c in text)
