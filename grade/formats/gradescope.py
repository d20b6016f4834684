"""Gradescope's results.json: https://gradescope-autograders.readthedocs.io/en/latest/specs/.

It knows no submission without a score. What was not judged has neither score nor status, the text above says that this is no
grade, and `extra_data.is_grade` is false.
"""

from typing import Any

from grade.formats.neutral import LONGEST, json_line, shortened
from grade.formats.report import Report, heading, message, summary
from grade.results.result import Result, Status
from grade.version import PAGEWALK


def gradescope(report: Report) -> bytes:
    """Returns the file. All its text is of the format "text", which Gradescope shows as it is."""
    document = {
        "score": report.points,
        "output": shortened(summary(report), LONGEST),
        "output_format": "text",
        "test_output_format": "text",
        "test_name_format": "text",
        "visibility": "visible",
        "stdout_visibility": "hidden",
        "tests": [_test(result) for result in report.ordered],
        "extra_data": {"pagewalk": PAGEWALK, "seed": report.seed, "is_grade": report.is_grade},
    }
    return json_line(document)


def _test(result: Result) -> dict[str, Any]:
    test: dict[str, Any] = {
        "name": heading(result),
        "name_format": "text",
        "max_score": result.max,
        "output": shortened(message(result), LONGEST),
        "output_format": "text",
        "visibility": "visible",
    }
    if result.status is not Status.ERROR:
        test |= {"score": result.points, "status": "passed" if result.status is Status.PASSED else "failed"}
    return test
