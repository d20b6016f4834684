"""Results as files for programs: JSON and JUnit XML."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.dom.minidom import parseString

from grade.results.result import Result, Status
from grade.version import PAGEWALK
from grade.visible import visible

if TYPE_CHECKING:
    from junitparser import TestSuite

VERSION = 2
IN_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})
"""How JSON writes the characters that begin something in HTML, so that a page that quotes the file quotes text."""


def write_json(results: Sequence[Result], path: Path, seed: int, submission: dict[str, Any] | None = None) -> None:
    """Writes {"version": 2, "pagewalk": "1.1.0", "seed": 7, "results": [...]}, sorted; for a submission also "submission"."""
    path.write_text(json_text(results, seed, submission), encoding="utf-8")


def json_text(
    results: Sequence[Result], seed: int | None, submission: dict[str, Any] | None = None, problem: str | None = None
) -> str:
    """Returns what write_json() writes; with a `problem` also that, which says why not everything was judged."""
    ordered = sorted(results, key=lambda result: result.sort_key)
    listed = [result.as_data() for result in ordered]
    document: dict[str, Any] = {"version": VERSION, "pagewalk": PAGEWALK, "seed": seed, "results": listed}
    beside = {"submission": submission, "problem": problem}
    document |= {name: value for name, value in beside.items() if value is not None}
    return json.dumps(_visible(document), indent=1).translate(IN_HTML) + "\n"


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
    path.write_bytes(junit_bytes(results))


def junit_bytes(results: Sequence[Result], problem: str | None = None) -> bytes:
    """Returns what write_junit() writes; with a `problem` also a suite that says why not everything was judged."""
    from junitparser import Error
    from junitparser import Failure as JUnitFailure
    from junitparser import JUnitXml, Skipped, TestCase, TestSuite

    kinds = {Status.FAILED: JUnitFailure, Status.TODO: Skipped, Status.ERROR: Error}
    suites: dict[tuple[int, str], TestSuite] = {}
    for result in sorted(results, key=lambda result: result.sort_key):
        title = visible(f"{result.milestone} {result.title}")
        case = TestCase(title, f"lab{result.lab}.{result.isa}", result.duration)
        if result.status in kinds:
            case.result = [kinds[result.status](visible(result.message), result.cause or str(result.status))]
        suites.setdefault((result.lab, result.isa), TestSuite(f"lab {result.lab}, {result.isa}")).add_testcase(case)
    document = JUnitXml("Pagewalk")
    if problem is not None:
        document.add_testsuite(_problem_suite(problem))
    for suite in suites.values():
        document.add_testsuite(suite)
    text: bytes = parseString(document.tostring()).toprettyxml(encoding="utf-8")
    return text


def _problem_suite(problem: str) -> "TestSuite":
    from junitparser import Error, TestCase, TestSuite

    case = TestCase("everything is judged", "grading")
    case.result = [Error(visible(problem), "problem")]
    suite = TestSuite("grading")
    suite.add_testcase(case)
    return suite
