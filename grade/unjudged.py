"""The results of milestones that were to be judged and were not: an error of the run's, which keeps the points open."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from grade.ladder.trees import Tree
from grade.milestones import milestones_of
from grade.results.result import Result, Status
from grade.results.verdict import Verdict
from grade.run_plan import Target

Place = tuple[str, int, str]
"""A milestone's number, and the lab and ISA of the kernel that it is judged on: what tells results of a run apart."""


def place_of(result: Result) -> Place:
    """Returns what tells this result from the others of a run."""
    return result.milestone, result.lab, result.isa


def planned_results(tests: Tree, targets: Iterable[Target], numbers: Collection[str]) -> list[Result]:
    """Returns a result for each milestone in `tests` that is to be judged on one of the targets, as if none were.

    `numbers`: only these milestones; if there are none, all.
    """
    known = [one for one in milestones_of(tests.labs) if not numbers or one.number in numbers]
    nothing = Verdict(error="it was not judged")
    return [
        Result(
            target.lab, target.isa, one.number, one.title, 0, _most(one.points, one.number, target), Status.ERROR, nothing, 0.0
        )
        for target in targets
        for one in known
        if target.runs(one.number)
    ]


def _most(points: float, number: str, target: Target) -> float:
    """Returns what a milestone is worth on a target: what an earlier lab asks for again has had its points."""
    return points if number.split(".")[0] == str(target.lab) else 0


def left_of(planned: Sequence[Result], judged: Iterable[Result], why: str) -> list[Result]:
    """Returns those of the planned results that are not among the judged ones, with the reason."""
    known = {place_of(result) for result in judged}
    return [replace(one, verdict=Verdict(error=why)) for one in planned if place_of(one) not in known]
