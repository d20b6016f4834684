"""What is to be explained: a milestone that failed, or a run with lines for the monitor."""

from dataclasses import dataclass
from pathlib import Path

from grade.boot.sight import Sight
from grade.failed.choice import check_unchanged, choose_failed
from grade.failed.failed_run import FailedRun, command_for
from grade.failed.way import Way
from grade.guest.guest import Recipe
from grade.ladder.build import build_kernel
from grade.ladder.trees import Tree
from grade.machine.stop import StopKind
from grade.prepare import prepare
from grade.results.failure import Failure

_NONCE = 0x50414745  # any: nothing asks for it here


@dataclass(frozen=True)
class Case:
    """A run to explain. `failure` and `kept` are what is known of it: None for a run that is still to be made."""

    title: str
    lab: int
    recipe: Recipe
    tree: Path
    next_steps: tuple[str, ...]
    """The commands that show more of it."""
    way: Way = Way()
    to_the_end: bool = True
    failure: Failure | None = None
    kept: Sight | None = None


def failed_milestone(tree: Tree, milestone: str, isa: str, lab: int | None) -> Case:
    """Returns the milestone's last failure; if none is named, the latest failure of all. LadderError if there is none."""
    return case_of(choose_failed(tree, milestone, isa, lab))


def case_of(failed: FailedRun) -> Case:
    """Returns the case of a milestone that failed. LadderError if its kernel no longer exists."""
    check_unchanged(failed)
    return Case(
        title=f"Milestone {failed.milestone} on lab {failed.lab}'s kernel for {failed.isa}",
        lab=failed.lab,
        recipe=failed.recipe,
        tree=failed.tree,
        next_steps=tuple(command_for(verb, failed, failed.milestone) for verb in ("gdb", "view")),
        way=failed.way,
        to_the_end=failed.stop_kind is not StopKind.BREAKPOINT,
        failure=failed.failure,
        kept=failed.guest(),
    )


def scripted(tree: Tree, isa: str, lab: int | None, script: str) -> Case:
    """Returns a run of the kernel of a lab, or of the whole tree, with these lines for its monitor."""
    folder = tree.root if lab is None or tree.course else prepare(tree, lab)
    kernel = build_kernel(folder, isa)
    number = lab or tree.lab
    lines = [line.strip() for line in script.split("\n") if line.strip()]
    if not lines or lines[-1] != "poweroff":
        lines.append("poweroff")
    on = f"{lab} " if lab else ""
    return Case(
        title=f"A run of lab {number}'s kernel for {isa}: {'; '.join(lines)}",
        lab=number,
        recipe=Recipe(isa, str(kernel.elf), "\n".join(lines), _NONCE),
        tree=folder,
        next_steps=(f'./pagewalk gdb {on}--isa {isa} --script "{"; ".join(lines)}"',),
    )
