"""./pagewalk handout: publishes the labs, or says whether they are published, and prints the outcome."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from grade.course.handout import Published, Wishes, differences, publish
from grade.ladder.trees import Tree

_SHOWN = 5


def publish_branches(tree: Tree, folder: Path, console: Console, wishes: Wishes) -> int:
    """Publishes, and returns exit status 0. LadderError if that is refused."""
    with _progress(console, "making") as progress:
        report = publish(tree, folder, wishes, progress)
    width = max(len(entry.branch) for entry in report)
    for entry in report:
        console.print(f"  {entry.branch:{width}}  {entry.commit[:10]}  {entry.change}", markup=False)
    _warn_of_conflicts(console, report)
    secret = [entry.branch for entry in report if entry.branch.endswith(("-solution", "-catch-up"))]
    is_new = all(entry.change == "new" for entry in report)
    what, force = ("Students get lab 1 with", "") if is_new else ("Push again what you have pushed", "")
    if not is_new and wishes.afresh:
        what, force = "Push again what you have pushed; whoever has begun cannot merge it", "--force "
    console.print(f"\n{what}:  git -C {folder} push {force}REMOTE lab1", markup=False, soft_wrap=True)
    if secret:
        console.print(f"These hold solutions; push them when you want them read: {', '.join(secret)}", markup=False)
    return 0


def check_branches(tree: Tree, folder: Path, console: Console, wishes: Wishes) -> int:
    """Prints how the published branches differ from what main would publish. Returns exit status 1 if any does."""
    with _progress(console, "looking at") as progress:
        found = differences(tree, folder, wishes, progress)
    for entry in found:
        names = ", ".join(entry.files[:_SHOWN]) + (", ..." if len(entry.files) > _SHOWN else "")
        files = f": {len(entry.files)} of its files, {names}" if entry.files else ""
        console.print(f"{entry.branch} {entry.problem}{files}", markup=False, soft_wrap=True)
    if found:
        if any(entry.foreign for entry in found):
            rename = f"git -C {folder} branch -m BRANCH ANOTHER-NAME"
            console.print(f"Rename what has commits of others ({rename}), or it cannot be renewed.", markup=False)
        options = "".join(f" --isa {isa}" for isa in wishes.isas or ())
        options += " --solutions" if wishes.solutions else ""
        options += "".join(f" --catch-up {lab}" for lab in wishes.catch_up)
        renew = f"./pagewalk handout --repo {folder}{options}"
        console.print(f"{renew} renews them.", markup=False, soft_wrap=True)
        return 1
    console.print(f"The branches in {folder} are what main would publish.", markup=False, soft_wrap=True)
    return 0


def _warn_of_conflicts(console: Console, report: list[Published]) -> None:
    files = sorted({path for entry in report for path in entry.conflicts})
    if files:
        console.print("\nStudents write in these files, and they are not what was published:", markup=False)
        for path in files:
            console.print(f"  {path}", markup=False)
        console.print("Whoever has begun may have to solve a conflict there when merging.", markup=False)


@contextmanager
def _progress(console: Console, doing: str) -> Iterator[Callable[[str], None]]:
    """Shows on a terminal which branch is being worked on."""
    with console.status(doing) as status:
        yield lambda branch: status.update(f"{doing} {branch}")
