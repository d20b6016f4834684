"""What a run of `grade` has to say, from which each format is made."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from grade.results.causes import CAUSES
from grade.results.result import Result, Status
from grade.visible import visible

_MOST_LEFT_OUT = 12


@dataclass(frozen=True)
class Report:
    """The results of a run, and why it could not judge everything."""

    results: Sequence[Result] = ()
    """One for each milestone that was to be judged; of those that were not, the status is `error`."""
    seed: int | None = None
    submission: dict[str, Any] | None = None
    """What was taken from a submission and what was not, if it is known."""
    problem: str | None = None
    """Why the run ended before its end, or could not begin."""

    @property
    def ordered(self) -> list[Result]:
        """The results by lab, milestone and ISA."""
        return sorted(self.results, key=lambda result: result.sort_key)

    @property
    def points(self) -> float:
        """The points that were given."""
        return sum(result.points for result in self.results)

    @property
    def max(self) -> float:
        """The points that could be given, also for what was not judged."""
        return sum(result.max for result in self.results)

    @property
    def not_judged(self) -> list[Result]:
        """The milestones that the grader could not judge."""
        return [result for result in self.ordered if result.status is Status.ERROR]

    @property
    def is_grade(self) -> bool:
        """Whether the points are a grade: everything that gives points was judged."""
        return bool(self.results) and not any(result.max for result in self.not_judged)

    @property
    def has_passed(self) -> bool:
        """Whether every milestone was judged and has passed."""
        return bool(self.results) and all(result.status is Status.PASSED for result in self.results)


def heading(result: Result) -> str:
    """Returns the milestone as a title that no other result of a report has."""
    return f"{result.milestone} {result.title} (lab {result.lab}, {result.isa})"


def reason(result: Result) -> str:
    """Returns in a few words why a milestone has not passed; nothing if it has."""
    verdict = result.verdict
    match result.status:
        case Status.PASSED:
            return ""
        case Status.TODO:
            return f"not written yet: {verdict.function}"
        case Status.ERROR:
            return f"not judged, which costs no points: {verdict.error}"
        case Status.FAILED:
            meaning = CAUSES[verdict.cause].meaning if verdict.cause in CAUSES else ""
            return f"{verdict.cause}: {meaning}" + (f" Look at {verdict.file}" if verdict.file else "")


def message(result: Result) -> str:
    """Returns everything that a student reads about a milestone that has not passed; nothing if it has."""
    if result.status is not Status.ERROR:
        return result.message
    return f"This was not judged, and is no zero. Hand it in again, or ask whoever runs the course.\n{result.message}"


def summary(report: Report) -> str:
    """Returns what stands above the milestones: the points, what was not judged and why, and what was taken."""
    lines = [f"{report.points:g} of {report.max:g} points"] if report.is_grade else _no_grade(report)
    return "\n".join([*lines, *_taken(report.submission or {})])


def _no_grade(report: Report) -> list[str]:
    why = report.problem or "some milestones could not be judged"
    lines = ["This is not a grade: not everything was judged.", f"Why: {why}"]
    if numbers := list(dict.fromkeys(result.milestone for result in report.not_judged)):
        lines.append(f"Not judged: {', '.join(numbers)}. The rest has {report.points:g} points.")
    return lines


def _taken(submission: dict[str, Any]) -> list[str]:
    """Returns a line for each file that was taken, that was missing, or that was left out."""
    left = [f"not taken  {visible(one['path'])}: {one['why']}" for one in submission.get("left_out", ())]
    more = len(left) - _MOST_LEFT_OUT
    return [
        *(f"taken      {path}" for path in submission.get("taken", ())),
        *(f"missing    {path}: the starter's stays" for path in submission.get("missing", ())),
        *left[:_MOST_LEFT_OUT],
        *([f"and {more} more that were not taken"] if more > 0 else []),
    ]
