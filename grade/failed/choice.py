"""Which failed milestone a command is about: the one that is named, or the one that failed last."""

import re
import sys

from grade.checks.host_tests import program_of
from grade.failed.failed_run import FailedRun, changed_since_built, command_for, latest, load, most_basic
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.milestones import milestones_of
from grade.prepare import prepare
from grade.run_plan import all_milestones, milestones_for, plan

_MOST_NAMED = 3


def choose_failed(tree: Tree, milestone: str, isa: str, lab: int | None) -> FailedRun:
    """Returns the last failed run of a milestone, or of any milestone if it is ''. LadderError if there is none.

    Says on stderr if another failure should be examined first. The kernel may have changed since then: check_unchanged().
    """
    if not milestone:
        if (failed := latest()) is None:
            raise LadderError(
                "no milestone has failed with a machine running, so there is none to go back to: ./pagewalk grade"
            )
        if (first := most_basic(failed)).milestone != failed.milestone:
            which = command_for("gdb", first, first.milestone).removeprefix("./pagewalk gdb ")
            said = f"This is about milestone {failed.milestone}, which failed last. A more basic one has failed as well"
            print(f"{said}: ask for {which}", file=sys.stderr)
        return failed
    if not re.fullmatch(r"\d+\.\d+", milestone):
        raise LadderError(f"{milestone} is no milestone: one is called 3.2")
    number = lab or (tree.lab if tree.course else int(milestone.partition(".")[0]))
    if (failed := load(number, milestone, isa)) is not None:
        return failed
    _refuse_unknown(tree, milestone, isa, number)
    if (tests := _host_tests_of(tree, milestone)) is not None:
        raise LadderError(
            f"milestone {milestone} is a host test: no machine runs. Its program, which grade builds, under a debugger "
            f"(grade names the test that fails, which can stand for {tests}):\n"
            f"gdb --args {prepare(tree, number)}/build/host/{program_of(tests)} --gtest_filter='{tests}'"
        )
    raise LadderError(
        f"milestone {milestone} has not failed on {isa} with a machine running, so there is none to go back to. "
        f"Where ./pagewalk grade {number} --isa {isa} says todo, the function that it names is to be written first"
    )


def _refuse_unknown(tree: Tree, milestone: str, isa: str, lab: int) -> None:
    """Raises LadderError for a milestone that does not exist, or that grading the lab's kernel does not include."""
    known = all_milestones(tree)
    if milestone not in known:
        of_its_lab = [one for one in known if one.split(".")[0] == milestone.split(".")[0]] or known
        raise LadderError(f"there is no milestone {milestone}, only {of_its_lab[0]} to {of_its_lab[-1]}")
    if milestone not in milestones_for(tree, plan(tree, tree, [lab], [isa])):
        raise LadderError(f"milestone {milestone} is not asked of lab {lab}'s kernel")


def check_unchanged(failed: FailedRun, more: str = "") -> None:
    """Raises LadderError if the kernel is not the one that failed; says on stderr if only its sources have changed."""
    again = f"./pagewalk grade {failed.lab} --isa {failed.isa} --milestone {failed.milestone}"
    if not failed.is_current:
        what = f"the kernel has changed since milestone {failed.milestone} failed"
        raise LadderError(f"{what}; see whether it still does: {again}{more}")
    if changed := changed_since_built(failed):
        named = ", ".join(changed[:_MOST_NAMED]) + (f" and {len(changed) - _MOST_NAMED} more" if changed[_MOST_NAMED:] else "")
        said = f"Changed since this kernel was built: {named}. This is the kernel without the change; {again} tries it with it."
        print(said, file=sys.stderr)


def _host_tests_of(tree: Tree, milestone: str) -> str | None:
    """Returns the pattern of the host tests that alone prove the milestone; None if a machine runs for it."""
    found = (known for known in milestones_of(tree.labs) if known.number == milestone and known.witness == "H")
    return next((known.host_tests[0] for known in found if known.host_tests), None)
