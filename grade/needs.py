"""What must be built for a milestone, read from the text of its test, so that building can begin before pytest does.

If a test needs more than its text shows, that is built when it runs.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from grade.checks.host_tests import program_of
from grade.ladder.trees import Tree
from grade.milestones import milestones_of


@dataclass(frozen=True)
class Needs:
    """What a milestone is judged on."""

    kernel: bool
    programs: tuple[str, ...]
    """Programs of host tests."""


def needs_of(tests: Tree) -> dict[str, Needs]:
    """Returns the needs of each milestone in `tests`, by its number."""
    needs = {}
    for milestone in milestones_of(tests.labs):
        programs = dict.fromkeys(map(program_of, milestone.host_tests))
        needs[milestone.number] = Needs(milestone.boots, tuple(programs))
    return needs


def all_needs(needs: Mapping[str, Needs], milestones: Iterable[str]) -> Needs:
    """Returns what several milestones need together."""
    asked = [needs[number] for number in milestones if number in needs]
    programs = dict.fromkeys(program for each in asked for program in each.programs)
    return Needs(any(each.kernel for each in asked), tuple(programs))
