"""The table of holes and milestones, docs/holes.md: for each function that a student writes, what rests on it.

A milestone rests on a function if it does not pass while that one alone is not written. This is measured on cuts of
main with single holes left open. The document keeps what was measured, and grade/tests/graded/test_holes.py measures again.
"""

import os
import re
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import current_thread
from typing import Any

from grade.cutting.cutter import cut, holes
from grade.isa import ISAS
from grade.ladder.labs import Lab, LadderError, load_labs
from grade.ladder.trees import locked
from grade.milestones import milestones_of
from grade.practice.milestones import run_milestones
from grade.results.result import Status
from grade.student.remaining import place_in_handout

DOCUMENT = "docs/holes.md"

_ROW = re.compile(r"\| `(\w+)` \| `([^`]+)` \| ([^|]+) \| ([^|]+) \|")
_NONE = "–"
_HOST = "H"  # the witness of milestones that are proved without a boot
_HEAD = """\
# Holes and milestones

What you write, in the order in which the handouts ask for it, and what each function is good for. All of it was
measured, on both ISAs.

- **Rests on it**: the milestones that do not pass as long as this function is not written, whatever else is. The report
  then says `not written yet` and its name.
- **Green by then**: those that begin to pass with this function, if all the rows above it are written as well.
<!-- @main -->

`./pagewalk test` measures again; `./pagewalk test --renew-docs` writes this page.
<!-- @end -->
"""


@dataclass(frozen=True)
class Exercise:
    """A function that the student of `lab` writes, in `file`, or in one such file for each ISA (arch/<isa>/...)."""

    lab: int
    function: str
    file: str

    def __str__(self) -> str:
        return f"{self.lab}-{self.function}"


Table = dict[Exercise, tuple[str, ...]]
"""Which milestones of its lab rest on an exercise, in the order of the handouts."""


class NotAsOpen(Exception):
    """A kernel with one open function that did something other than pass a milestone or name that function."""


def exercises(tree: Path) -> list[Exercise]:
    """Returns all functions that students write, in the order of the labs' README. LadderError if one is not in it."""
    found = []
    for lab in load_labs(tree):
        of_lab = {hole.function: _for_all_isas(hole.file) for hole in holes(tree) if hole.lab == lab.number}
        order = {function: place_in_handout(lab, function) for function in of_lab}
        for function in sorted(order, key=lambda function: order[function] or 0):
            if order[function] is None:
                raise LadderError(f"{lab.prefix}README.md: `What to write` does not name {function}, which is a hole")
            found.append(Exercise(lab.number, function, of_lab[function]))
    return found


def judged_by(tree: Path, lab: int, isa: str) -> tuple[str, ...]:
    """Returns the lab's milestones judged on this ISA: host tests are the same on all, and judged on the first."""
    labs = [known for known in load_labs(tree) if known.number == lab]
    return tuple(known.number for known in milestones_of(labs) if isa == ISAS[0] or known.witness != _HOST)


def green_with(table: Table, lab: int, functions: Collection[str]) -> set[str]:
    """Returns the milestones of the lab that pass with these of its functions written: they rest on no other."""
    of_lab = {exercise.function: resting for exercise, resting in table.items() if exercise.lab == lab}
    waiting = {number for function, resting in of_lab.items() if function not in functions for number in resting}
    return {number for resting in of_lab.values() for number in resting} - waiting


def resting_on(tree: Path, exercise: Exercise, isa: str, milestones: Sequence[str]) -> tuple[str, ...]:
    """Returns those milestones that do not pass on the solved tree with this hole alone left open.

    Raises NotAsOpen unless each of them says that this function is not written yet.
    """
    results = _grade(tree, exercise.lab, exercise.lab, {exercise.function}, isa, milestones)
    resting = tuple(number for number in milestones if results[number]["status"] != Status.PASSED)
    for number in resting:
        result = results[number]
        if (result["status"], result["function"]) != (Status.TODO, exercise.function):
            raise NotAsOpen(f"{number} with {exercise.function} left open, {isa}: {result['status']}: {result['message']}")
    return resting


def passing_with(tree: Path, lab: int, functions: Collection[str], isa: str, milestones: Sequence[str]) -> set[str]:
    """Returns those milestones that pass on the lab's starter with the holes of these functions filled."""
    results = _grade(tree, lab, lab - 1, functions, isa, milestones)
    return {number for number in milestones if results[number]["status"] == Status.PASSED}


def renew(tree: Path, workers: int | None = None) -> str:
    """Measures on the first ISA, and returns what the document must be. The tests compare the other ISAs with it."""
    isa, wanted = ISAS[0], exercises(tree)
    with ThreadPoolExecutor(workers or os.cpu_count()) as pool:
        resting = pool.map(lambda one: resting_on(tree, one, isa, judged_by(tree, one.lab, isa)), wanted)
        return document(load_labs(tree), dict(zip(wanted, resting, strict=True)))


# --- the document ----------------------------------------------------------------------------------------------------


def document(labs: Sequence[Lab], table: Table) -> str:
    """Returns the Markdown text, each lab in its own block, so that a handout can have those up to its own lab."""
    text = _HEAD
    for lab in labs:
        section = f"\n## Lab {lab.number}: {lab.title}\n\n{_rows(table, lab.number)}"
        text += f"<!-- @from {lab.number} -->\n{section}<!-- @end -->\n"
    return text


def read(text: str) -> Table:
    """Reads the table from what document() made."""
    table: Table = {}
    for section in text.split("\n## Lab ")[1:]:
        for function, file, resting, _ in _ROW.findall(section):
            exercise = Exercise(int(section.split(":")[0]), function, file)
            table[exercise] = () if resting == _NONE else tuple(resting.split())
    return table


def _rows(table: Table, lab: int) -> str:
    text = "| function | file | rests on it | green by then |\n|---|---|---|---|\n"
    written: set[str] = set()
    for exercise, resting in table.items():
        if exercise.lab == lab:
            written.add(exercise.function)
            green = green_with(table, lab, written)
            by_then = [number for number in resting if number in green]
            text += f"| `{exercise.function}` | `{exercise.file}` | {_cell(resting)} | {_cell(by_then)} |\n"
    return text


def _cell(milestones: Sequence[str]) -> str:
    return " ".join(milestones) or _NONE


# --- measuring -------------------------------------------------------------------------------------------------------


def _grade(
    tree: Path, lab: int, solved: int, turned: Collection[str], isa: str, milestones: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Returns the results, by number, on a cut with these holes the other way round.

    A lab's kernels share one folder for each worker with those that have bugs: only what differs is built.
    """
    worker = os.environ.get("PYTEST_XDIST_WORKER", current_thread().name)
    place = tree / "build" / "planted" / f"lab-{lab}-{worker}"
    with locked(place.with_name(place.name + ".turn")):
        cut(tree, lab, solved, place, turned=turned)
        results = run_milestones(tree, place, lab, [isa], milestones)
    return {result["milestone"]: result for result in results}


def _for_all_isas(file: str) -> str:
    return re.sub(rf"^arch/({'|'.join(ISAS)})/", "arch/<isa>/", file)
