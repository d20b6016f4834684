"""PrairieLearn's results.json: https://docs.prairielearn.com/externalGrading/.

What could not be judged is "not gradable": no points are given or lost, and no attempt is used up.
"""

from typing import Any

from grade.formats.neutral import fitted, json_line, shortened
from grade.formats.report import Report, heading, message, summary
from grade.formats.walk_picture import walk_picture
from grade.results.result import Result

_MOST = 1_000_000
"""Bytes that PrairieLearn takes."""


def prairielearn(report: Report) -> bytes:
    """Returns the file, with a picture of each walk that shows a failure; text is cut where it would be too long."""
    with_pictures = fitted(lambda longest: json_line(_document(report, longest, pictures=True)), _MOST)
    if len(with_pictures) <= _MOST:
        return with_pictures
    return fitted(lambda longest: json_line(_document(report, longest, pictures=False)), _MOST)


def _document(report: Report, longest: int, *, pictures: bool) -> dict[str, Any]:
    document: dict[str, Any] = {
        "gradable": report.is_grade,
        "message": summary(report) if longest else "",
        "tests": [_test(result, longest, pictures) for result in report.ordered],
    }
    if report.is_grade:
        return document | {"score": _score(report)}
    return document | {"format_errors": [shortened(summary(report), longest)]}


def _score(report: Report) -> float:
    """Returns the share of the points, from 0 to 1; where none can be had, whether everything has passed."""
    return report.points / report.max if report.max else float(report.has_passed)


def _test(result: Result, longest: int, pictures: bool) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": heading(result),
        "points": result.points,
        "max_points": result.max,
        "message": str(result.status),
        "output": shortened(message(result), longest),
    }
    if pictures and result.verdict.walk is not None:
        test["images"] = [{"label": "the walk", "url": walk_picture(result.verdict.walk)}]
    return test
