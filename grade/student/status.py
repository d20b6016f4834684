"""./pagewalk status: the labs of a handed-out tree, their points, what is left, and what comes next. Boots nothing."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from rich.console import Console
from rich.table import Table

from grade.ladder.labs import Lab, LadderError
from grade.ladder.trees import Tree
from grade.results.result import Result
from grade.student.kept import Kept
from grade.student.standing import Standing, look_at

VERSION = 1
_WHAT_COUNTS = "Each milestone counts as it was graded last; an earlier lab's, on that lab's own tree."


def show_status(tree: Tree, console: Console, json_file: Path | None) -> None:
    """Prints how the labs of `tree` stand, and writes the same as JSON if asked to."""
    standing = look_at(tree)
    if json_file is not None and not json_file.resolve().parent.is_dir():
        raise LadderError(f"cannot write {json_file}: there is no folder {json_file.parent}")
    if json_file is not None:
        json_file.write_text(json.dumps(_as_document(standing), indent=1) + "\n", encoding="utf-8")
    console.print(_table(standing))
    if standing.kept:
        console.print(_WHAT_COUNTS, markup=False, soft_wrap=True)
    _list(console, "Changed since that grading:", standing.changed)
    _list(console, "Changed or added, and not part of a submission:", standing.given_changed)
    _list(console, "Still to be written:", [f"{one.place}: {one.function}" for one in standing.remaining])
    _list(console, "Failed at the last grading:", [_failure(result) for result in standing.wrong])
    _list(console, standing.next[0], [line.strip() for line in standing.next[1:]], always=True)


def _table(standing: Standing) -> Table:
    tree = standing.tree
    table = Table(title=f"This is lab {tree.lab}", title_justify="left", title_style="bold")
    table.add_column("lab")
    for isa in tree.isas:
        table.add_column(isa, justify="right")
    table.add_column("graded last")
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


def _as_document(standing: Standing) -> dict[str, object]:
    tree = standing.tree
    labs = []
    for lab in tree.labs:
        graded = {isa: _as_entry(standing.kept.get((lab.number, isa))) for isa in tree.isas}
        labs.append({"lab": lab.number, "title": lab.title, "graded": graded})
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


def _as_entry(kept: Kept | None) -> dict[str, object] | None:
    if kept is None:
        return None
    return {"points": kept.points, "max": kept.most, "complete": kept.complete, "time": kept.time}
