"""./pagewalk bug: planted bugs to practise on. They go by a code and by what one sees; names and patches tell the cause."""

import hashlib
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grade.course.bugs import Bug, load_bugs
from grade.course.patches import plant
from grade.diagnosis.causes import CAUSES
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree

_DIGITS = 4


def code_of(bug: Bug) -> str:
    """What a bug is called as long as its cause is not to be told: its lab, and a few digits that never change."""
    return f"{bug.lab}-{hashlib.sha256(bug.name.encode()).hexdigest()[:_DIGITS]}"


def find_bug(tree: Tree, called: str) -> Bug:
    """The bug with this code or name. LadderError if there is none."""
    found = [bug for bug in load_bugs(tree.root) if called in (code_of(bug), bug.name)]
    if not found:
        raise LadderError(f"there is no planted bug {called}: ./pagewalk bug lists them")
    return found[0]


def list_bugs(tree: Tree, console: Console, lab: int | None) -> None:
    """All bugs, or those of one lab, by code and symptom."""
    bugs = [bug for bug in load_bugs(tree.root) if lab in (None, bug.lab)]
    if not bugs:
        raise LadderError(f"there is no lab {lab}: there are labs 1 to {tree.lab}")
    table = Table(title="Kernels with a planted bug", title_justify="left")
    for column in ("code", "what one sees", "ISAs"):
        table.add_column(column)
    for bug in sorted(bugs, key=code_of):
        table.add_row(code_of(bug), bug.symptom, " ".join(bug.isas))
    console.print(table)
    code = code_of(bugs[0])
    console.print(f"./pagewalk bug {code} boots one; --gdb opens it under GDB, --reveal tells what is wrong.", markup=False)


def planted_tree(tree: Tree, bug: Bug, isa: str) -> Tree:
    """The lab's solved tree with the bug in it, below build/practice/. LadderError if it does not show on this ISA."""
    if isa not in bug.isas:
        raise LadderError(f"this bug shows on {' and '.join(bug.isas)} only: --isa {bug.isas[0]}")
    return Tree(plant(tree.root, bug, tree.root / "build" / "practice" / code_of(bug)))


def reveal(bug: Bug, console: Console) -> None:
    """The cause, how the grader notices it, and the change that made it."""
    console.print(f"{code_of(bug)} is {bug.name}: {bug.symptom}", markup=False)
    for name in dict.fromkeys(bug.causes.values()):
        isas = " and ".join(isa for isa in bug.isas if bug.causes[isa] == name)
        console.print(f"On {isas}: {name}: {CAUSES[name].meaning}", markup=False)
    console.print(f"Milestones that fail: {', '.join(bug.fails)}. From: {bug.source}", markup=False)
    console.print("\nThe change. The lines with - are right, those with + are wrong:\n", markup=False)
    console.print(_diff(bug.path), markup=False)


def _diff(path: Path) -> str:
    text = path.read_text(encoding="utf-8")
    return text[text.index("diff --git ") :].rstrip()
