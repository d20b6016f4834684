"""The folder in which a lab is built and graded.

Main itself is never graded: lab N is graded on a cut of lab N, kept up to date in build/cut/lab-N. A handed-out tree is
graded as the student left it.
"""

from pathlib import Path

from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree, locked


def prepare(tree: Tree, lab: int) -> Path:
    """Returns the folder in which to build and grade lab `lab`.

    For main this is the cut of that lab with labs 1..`lab` solved, brought up to date; several processes may ask at
    once. A handed-out tree is graded as it stands, for its own lab and all earlier ones.
    """
    if not 1 <= lab <= tree.lab:
        raise LadderError(f"there is no lab {lab} here: this tree goes up to lab {tree.lab}")
    if tree.course is not None:
        return tree.root
    from grade.cutting.cutter import cut  # only main has it

    into = tree.root / "build" / "cut" / f"lab-{lab}"
    with locked(into.with_suffix(".lock")):
        cut(tree.root, lab, lab, into, tree.isas)
    return into
