"""What Autolab reads from an autograder's output: https://docs.autolabproject.com/lab/.

The last line has a score for each problem, the line before it a table of the milestones, and what stands above is for people.
A problem is one lab on one ISA, such as lab3-ISA. One that could not be judged has null for a score, which Autolab keeps as
no score; without any problem on the last line it would enter zeros.
"""

from collections.abc import Sequence
from typing import Any

from grade.formats.neutral import LONGEST, json_line, neutral, one_line, shortened, without_tags
from grade.formats.report import Report, heading, message, reason, summary
from grade.results.result import Result, Status

_HINT = 300
NO_PROBLEM = "Pagewalk"
"""The problem that has no score where it is not known what was to be graded."""


def problem_name(lab: int, isa: str) -> str:
    """Returns the name that a problem has to have on Autolab's page."""
    return f"lab{lab}-{isa}"


def autolab(report: Report) -> bytes:
    """Returns the output. Autolab's page shows it in HTML while it comes in, without any escaping."""
    problems: dict[str, list[Result]] = {}
    for result in report.ordered:
        problems.setdefault(problem_name(result.lab, result.isa), []).append(result)
    lines = [summary(report), ""]
    for result in report.ordered:
        lines.append(f"{result.status:7}{_points(result)} {heading(result)}")
        lines += [f"    {line}" for line in shortened(message(result), LONGEST).splitlines()]
    stages: dict[str, Any] = {name: dict(map(_stage, ones)) for name, ones in problems.items()}
    table = {"_presentation": "semantic", "stages": list(stages), **stages}
    scores = {name: _score(ones) for name, ones in problems.items()} or {NO_PROBLEM: None}
    text = without_tags(neutral("\n".join(lines))) + "\n"
    return text.encode() + json_line(table) + json_line({"scores": scores})


def _points(result: Result) -> str:
    return f" {result.points:g}/{result.max:g}" if result.max and result.status is not Status.ERROR else ""


def _stage(result: Result) -> tuple[str, dict[str, Any]]:
    """Returns the row of a milestone in the table: its name, and what stands there."""
    name = without_tags(heading(result))
    if result.status is Status.PASSED:
        return name, {"passed": True}
    return name, {"passed": False, "hint": without_tags(shortened(one_line(reason(result)), _HINT))}


def _score(results: Sequence[Result]) -> float | None:
    """Returns the points; None if some that could be given were not judged."""
    if any(result.status is Status.ERROR and result.max for result in results):
        return None
    return sum(result.points for result in results)
