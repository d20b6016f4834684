"""./pagewalk bug: planted bugs to practise on. They are named by a code and a symptom; their own names tell the cause."""

import hashlib
from dataclasses import replace

from rich.console import Console
from rich.table import Table

from grade.explain.case import case_of
from grade.explain.show import show_explanation
from grade.failed.failed_run import load
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.patches.bug import Bug
from grade.practice.milestones import run_milestones
from grade.practice.planting import planted_tree
from grade.practice.solved import bugs_to_practise
from grade.results.causes import CAUSES

_DIGITS = 4
_FOLDER = "practice"
_GO_TOGETHER = {
    "--reveal": ("--isa",),
    "--explain": ("--isa",),
    "--gdb": ("--isa", "--script", "--record"),
    "--record": ("--isa", "--script", "--gdb"),
    "--script": ("--isa", "--gdb", "--record"),
    "--isa": ("--reveal", "--explain", "--gdb", "--script", "--record"),
}
"""Which options about one bug may be given together."""


def code_of(bug: Bug) -> str:
    """Returns what a bug is called as long as its cause is secret: its lab, and a few digits that never change."""
    return f"{bug.lab}-{hashlib.sha256(bug.name.encode()).hexdigest()[:_DIGITS]}"


def find_bug(tree: Tree, called: str) -> Bug:
    """Returns the bug with this code or name. LadderError if there is none, or if its lab must be done first."""
    shown, waiting = bugs_to_practise(tree)
    found = [bug for bug in shown if called in (code_of(bug), bug.name)]
    if not found and any(called == code_of(bug) for bug in waiting):
        raise LadderError(f"{called} waits until lab {called.partition('-')[0]} is done: ./pagewalk grade")
    if not found:
        raise LadderError(f"there is no planted bug {called}: ./pagewalk bug lists them")
    return found[0]


def check_options(code: str, of_list: dict[str, bool], of_bug: dict[str, bool]) -> None:
    """Raises LadderError if the given options do not go together, or not with a code (or without one)."""
    given = [option for option, is_given in of_bug.items() if is_given]
    if not code and given:
        raise LadderError(f"{given[0]} is about one bug: ./pagewalk bug CODE {given[0]}; ./pagewalk bug lists the codes")
    if code and any(of_list.values()):
        raise LadderError(f"{next(iter(of_list))} is for the list of bugs, and goes without a code")
    for option in given:
        others = [other for other in given if other != option and other not in _GO_TOGETHER[option]]
        if others:
            raise LadderError(f"{option} and {others[0]} do not go together: give one of them")
    if "--record" in given and "--gdb" not in given:
        raise LadderError("--record goes with --gdb")


def list_bugs(tree: Tree, console: Console, lab: int | None) -> None:
    """Prints all bugs that may be shown, or those of one lab, by code and symptom."""
    if lab is not None and lab not in [known.number for known in tree.labs]:
        raise LadderError(f"there is no lab {lab}: there are labs 1 to {tree.lab}")
    shown, waiting = ([bug for bug in bugs if lab in (None, bug.lab)] for bugs in bugs_to_practise(tree))
    if shown:
        table = Table(title="Kernels with a planted bug", title_justify="left")
        for column in ("code", "what one sees", "ISAs"):
            table.add_column(column)
        for bug in sorted(shown, key=code_of):
            table.add_row(code_of(bug), bug.symptom, " ".join(bug.isas))
        console.print(table)
        code = code_of(shown[0])
        console.print(
            f"./pagewalk bug {code} boots one; --gdb opens it under GDB, --explain says what happens first and why, "
            "--reveal tells what is wrong.",
            markup=False,
        )
    for number in sorted({bug.lab for bug in waiting}):
        count = sum(bug.lab == number for bug in waiting)
        more = " more" if shown else ""
        console.print(f"{count}{more} will be here when all milestones of lab {number} have passed: ./pagewalk grade")


def plant_bug(tree: Tree, bug: Bug, isa: str) -> Tree:
    """Returns the tree with the bug in it, below build/practice/. LadderError if it does not fit or show on this ISA."""
    if isa not in bug.isas:
        raise LadderError(f"this bug shows on {' and '.join(bug.isas)} only: --isa {bug.isas[0]}")
    return planted_tree(tree, bug, tree.root / "build" / _FOLDER / code_of(bug))


def explain_bug(tree: Tree, bug: Bug, isa: str, console: Console) -> None:
    """Grades the broken kernel by the milestones that should fail, and explains the first that fails with a machine."""
    planted, code = plant_bug(tree, bug, isa), code_of(bug)
    failures = tree.root / "build" / _FOLDER / f"{code}.failed"
    lab = planted.lab
    for milestone in bug.fails:
        run_milestones(tree.root, planted.root, lab, [isa], [milestone], failures)
        failed = load(lab, milestone, isa, failures)
        if failed is not None:
            case = case_of(failed)
            title = f"Bug {code}: {case.title[0].lower()}{case.title[1:]}"
            next_steps = (f"./pagewalk bug {code} --isa {isa} --gdb", f"./pagewalk bug {code} --reveal")
            show_explanation(replace(case, title=title, next_steps=next_steps), console)
            return
    pass_here = f"{' and '.join(bug.fails)} pass on this kernel, or are proved without a boot"
    raise LadderError(f"no machine fails here: {pass_here}")


def reveal(bug: Bug, console: Console) -> None:
    """Prints the cause, how the grader notices it, and the change that made it."""
    console.print(f"{code_of(bug)} is {bug.name}: {bug.symptom}", markup=False)
    for name in dict.fromkeys(bug.causes.values()):
        isas = " and ".join(isa for isa in bug.isas if bug.causes[isa] == name)
        console.print(f"On {isas}: {name}: {CAUSES[name].meaning}", markup=False)
    console.print(f"Milestones that fail: {', '.join(bug.fails)}. From: {bug.source}", markup=False)
    console.print("\nThe change. The lines with - are right, those with + are wrong:\n", markup=False)
    console.print(bug.diff.rstrip(), markup=False)
