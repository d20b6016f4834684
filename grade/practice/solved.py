"""Which bugs may be shown: those of completed labs, so that nobody sees the end of a lab before its beginning."""

from grade.ladder.trees import Tree
from grade.patches.bug import Bug
from grade.patches.bugs import load_bugs
from grade.results.result import Status
from grade.student.kept import load
from grade.student.remaining import find_remaining


def bugs_to_practise(tree: Tree) -> tuple[list[Bug], list[Bug]]:
    """Returns the bugs that are shown, and those that wait for their lab. In main all are shown."""
    bugs = load_bugs(tree.root)
    if tree.course is None:
        return bugs, []
    unwritten = {one.lab for one in find_remaining(tree)}
    done = set(range(1, min(unwritten, default=tree.lab)))
    if not unwritten and any(_all_passed(tree, isa) for isa in tree.isas):
        done.add(tree.lab)
    return [bug for bug in bugs if bug.lab in done], [bug for bug in bugs if bug.lab not in done]


def _all_passed(tree: Tree, isa: str) -> bool:
    """Returns whether all milestones of the tree's own lab passed in the last grading."""
    kept = load(tree, tree.lab, isa)
    return kept is not None and kept.complete and all(result.status is Status.PASSED for result in kept.results)
