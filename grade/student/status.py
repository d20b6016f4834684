"""./pagewalk status: the labs of a handed-out tree, their points, what is left, and what comes next. Boots nothing."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grade.ladder.labs import Lab
from grade.ladder.trees import Tree
from grade.results import Result, Status
from grade.student.given import changed_given_files
from grade.student.kept import Kept, load, source_digests
from grade.student.next_step import first_steps, next_steps
from grade.student.remaining import Remaining, find_remaining

VERSION = 1


@dataclass(frozen=True)
class _Standing:
    """All that is known about a tree without grading it."""

    tree: Tree
    kept: dict[tuple[int, str], Kept]
    changed: list[str]
    """Sources that are not as they were at the last grading of the tree's own lab."""
    given_changed: list[str]
    remaining: list[Remaining]

    @property
    def current(self) -> list[Kept]:
        """What was kept of the tree's own lab."""
        return [one for (lab, _), one in self.kept.items() if lab == self.tree.lab]

    @property
    def wrong(self) -> list[Result]:
        """The milestones that did not pass then, without those that only wait for code."""
        results = (result for one in self.current for result in one.results)
        judged = (result for result in results if result.status in (Status.FAILED, Status.ERROR))
        return sorted(judged, key=lambda result: result.sort_key)

    @property
    def next(self) -> list[str]:
        """What to do now."""
        missing = [isa for isa in self.tree.isas if (self.tree.lab, isa) not in self.kept]
        if len(missing) == len(self.tree.isas):
            return first_steps(self.tree)
        if self.changed or missing or not all(one.complete for one in self.current):
            return [f"Next: ./pagewalk grade{f' --isa {missing[0]}' if len(missing) == 1 else ''}"]
        return next_steps(self.tree, [result for one in self.current for result in one.results])


def show_status(tree: Tree, console: Console, json_file: Path | None) -> None:
    """Prints how the labs of `tree` stand, and writes the same as JSON if asked to."""
    standing = _look_at(tree)
    if json_file is not None:
        json_file.write_text(json.dumps(_as_document(standing), indent=1) + "\n", encoding="utf-8")
    console.print(_table(standing))
    _list(console, "Changed since that grading:", standing.changed)
    _list(
        console, "Not yours, and changed: graded for you, but no part of a submission:", standing.given_changed
    )
    _list(console, "Still to be written:", [f"{one.place}: {one.function}" for one in standing.remaining])
    _list(console, "Failed at the last grading:", [_failure(result) for result in standing.wrong])
    _list(console, standing.next[0], [line.strip() for line in standing.next[1:]], always=True)


def _look_at(tree: Tree) -> _Standing:
    numbered = {(lab.number, isa): load(tree, lab.number, isa) for lab in tree.labs for isa in tree.isas}
    kept = {key: one for key, one in numbered.items() if one is not None}
    changed: set[str] = set()
    for isa in tree.isas:
        if (one := kept.get((tree.lab, isa))) is not None:
            changed.update(one.changed(source_digests(tree, isa)))
    return _Standing(tree, kept, sorted(changed), changed_given_files(tree), find_remaining(tree))


def _table(standing: _Standing) -> Table:
    tree = standing.tree
    table = Table(title=f"This is lab {tree.lab}", title_justify="left", title_style="bold")
    table.add_column("lab")
    for isa in tree.isas:
        table.add_column(isa, justify="right")
    table.add_column("graded")
    for lab in tree.labs:
        kept = [standing.kept.get((lab.number, isa)) for isa in tree.isas]
        times = max((one.time for one in kept if one is not None), default="")
        table.add_row(f"{lab.number} {lab.title}", *(_points(tree, lab, one) for one in kept), times)
    return table


def _points(tree: Tree, lab: Lab, kept: Kept | None) -> str:
    if kept is not None:
        return f"{kept.points:g} / {kept.most:g}" + ("" if kept.complete else " so far")
    if tree.course is not None and lab.number <= tree.course.solved:
        return "given"
    return "not graded here"


def _failure(result: Result) -> str:
    return f"{result.milestone} on {result.isa}: {result.title} ({result.cause or result.status})"


def _list(console: Console, title: str, lines: Sequence[str], *, always: bool = False) -> None:
    if lines or always:
        console.print()
        console.print(title, markup=False, soft_wrap=True)
    for line in lines:
        console.print(f"  {line}", markup=False, soft_wrap=True)


def _as_document(standing: _Standing) -> dict[str, object]:
    tree = standing.tree
    labs = []
    for lab in tree.labs:
        kept = {isa: standing.kept.get((lab.number, isa)) for isa in tree.isas}
        points = {
            isa: None if one is None else {"points": one.points, "max": one.most, "complete": one.complete, "time": one.time}
            for isa, one in kept.items()
        }
        labs.append({"lab": lab.number, "title": lab.title, "graded": points})
    return {
        "version": VERSION,
        "lab": tree.lab,
        "isas": list(tree.isas),
        "labs": labs,
        "changed": standing.changed,
        "given_changed": standing.given_changed,
        "remaining": [asdict(one) for one in standing.remaining],
        "failed": [
            {"milestone": result.milestone, "isa": result.isa, "status": result.status, "cause": result.cause}
            for result in standing.wrong
        ],
        "next": standing.next,
    }
