"""What `grade` does in a handed-out tree before and after it grades."""

from collections.abc import Sequence

from rich.console import Console

from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.results.result import Result, Status
from grade.student.kept import keep, source_files
from grade.student.next_step import next_steps, points_line
from grade.student.owned import conflict_line
from grade.student.standing import look_at


def refuse_conflicts(tree: Tree) -> None:
    """Raises LadderError if a merge has left a conflict in a file that the kernel is built from."""
    for path, file in source_files(tree):
        if (line := conflict_line(file)) is not None:
            raise LadderError(f"{path}:{line}: a conflict of a merge: decide it, then git add {path} and git commit")


def after_grading(tree: Tree, results: Sequence[Result], isas: Sequence[str], console: Console, *, complete: bool) -> None:
    """Keeps the results for `status`, and says what to do next. `complete`: these are all milestones on these ISAs."""
    graded = [isa for isa in isas if any(result.isa == isa for result in results)]
    if not graded:  # interrupted at once
        return
    try:
        kept = keep(tree, results, graded, complete=complete)
    except (LadderError, OSError) as error:
        console.print(f"The results could not be kept for ./pagewalk status: {error}", markup=False, soft_wrap=True)
        kept = []
    wrong = any(result.status is not Status.PASSED for result in results)
    lines = next_steps(tree, results) if wrong or not kept else look_at(tree).next
    for line in [*([points_line(tree.lab, kept)] if kept else []), *lines]:
        console.print(line, markup=False, soft_wrap=True)
