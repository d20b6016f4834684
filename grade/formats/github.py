"""What GitHub Classroom's autograding-grading-reporter takes: the result of a runner, JSON in base64.

https://github.com/classroom-resources/autograding-grading-reporter. It reports points only where max_score is not 0: that is
how a run that could not judge everything reports none. The job fails all the same, with "Some tests errored".
"""

import base64
from typing import Any

from grade.formats.neutral import fitted, json_line, shortened
from grade.formats.report import Report, heading, message, reason
from grade.results.result import Result, Status

_MOST = 120_000
"""Bytes. The reporter gets it as a variable of its environment, of which Linux allows 131072."""
_STATUS = {Status.PASSED: "pass", Status.FAILED: "fail", Status.TODO: "fail", Status.ERROR: "error"}


def github(report: Report) -> bytes:
    """Returns the result in base64, on one line; messages are cut where it would be too long."""
    return fitted(lambda longest: base64.b64encode(json_line(_document(report, longest))) + b"\n", _MOST)


def _document(report: Report, longest: int) -> dict[str, Any]:
    if not report.results or report.not_judged or report.problem:
        status = "error"
    else:
        status = "pass" if report.has_passed else "fail"
    tests = [_test(result, longest) for result in report.ordered]
    if report.problem:
        tests.insert(0, _problem(report.problem, longest))
    return {"version": 1, "status": status, "max_score": report.max if report.is_grade else 0, "tests": tests}


def _test(result: Result, longest: int) -> dict[str, Any]:
    file, _, line = (result.verdict.file or "").partition(":")
    is_error = result.status is Status.ERROR
    return {
        "name": heading(result),
        "status": _STATUS[result.status],
        "score": result.points,
        # The reporter prints the message of an error, and of everything else the code of the test.
        "message": shortened(message(result) if is_error else reason(result), longest),
        "test_code": "" if is_error else shortened(message(result), longest),
        "filename": file,
        "line_no": int(line) if line.isdecimal() else 0,
        "duration": round(result.duration * 1000),
    }


def _problem(problem: str, longest: int) -> dict[str, Any]:
    text = shortened(f"not everything was judged: {problem}", longest)
    names = {"name": "grading", "status": "error", "score": 0, "message": text, "test_code": ""}
    return {**names, "filename": "", "line_no": 0, "duration": 0}
