"""What check50 prints with -o json: https://cs50.readthedocs.io/projects/check50/en/latest/json_specification.html.

A check that could not be judged has passed: null, as one that check50 itself could not run.
"""

from typing import Any

from grade.formats.neutral import LONGEST, json_line, shortened
from grade.formats.report import Report, heading, message, reason
from grade.results.result import Result, Status
from grade.version import PAGEWALK


def check50(report: Report) -> bytes:
    """Returns the results, or why there are none."""
    labs = "-".join(str(lab) for lab in sorted({result.lab for result in report.results}))
    document: dict[str, Any] = {"slug": f"pagewalk/lab{labs}" if labs else "pagewalk", "version": PAGEWALK}
    if report.results:
        return json_line(document | {"results": [_check(result) for result in report.ordered]})
    return json_line(document | {"error": _error(report.problem or "nothing was graded")})


def _check(result: Result) -> dict[str, Any]:
    has_passed = result.status is Status.PASSED
    return {
        "name": f"lab{result.lab}_{result.isa}_{result.milestone.replace('.', '_')}",
        "description": heading(result),
        "passed": None if result.status is Status.ERROR else has_passed,
        "log": [] if has_passed else shortened(message(result), LONGEST).splitlines(),
        "cause": None if has_passed else _cause(result),
        "data": {"points": result.points, "max": result.max, "status": result.status},
        "dependency": None,
    }


def _cause(result: Result) -> dict[str, Any]:
    verdict = result.verdict
    cause: dict[str, Any] = {"rationale": shortened(reason(result), LONGEST), "help": None}
    if verdict.commands:
        cause["help"] = "; ".join(verdict.commands.values())
    if verdict.expected is not None and verdict.seen is not None:
        cause |= {"expected": verdict.expected, "actual": shortened(verdict.seen, LONGEST)}
    if result.status is Status.ERROR:
        cause["error"] = _error(verdict.error or "")
    return cause


def _error(text: str) -> dict[str, Any]:
    return {"type": "NotJudged", "value": shortened(text, LONGEST), "traceback": [], "data": {}}
