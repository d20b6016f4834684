"""docs/graded.md: what the grader is examined with, from the headers of the patches and the READMEs beside them."""

import re
from collections.abc import Iterable
from pathlib import Path

from grade.course.graded import Corpus, corpus
from grade.course.variants import load_variants
from grade.isa import ISAS
from grade.ladder.labs import Lab, load_labs
from grade.patches.bug import Bug
from grade.patches.bugs import load_bugs

_INTRODUCTION = """\
# The grader graded

What the grader is examined with. `./pagewalk test` runs all of it, and ends with the same table as below, with what
came out; `--quick` leaves out what takes long, bugs and variants first. This page is made by `./pagewalk test --renew-docs` from the patches in
`labs/*/bugs` and `labs/*/variants`; a test says if it is stale. In the last column of a table of bugs, a number such as
L1.01 stands for a bug of a real kernel that was collected before; `own` is one that we made, or met, ourselves.

| examined with | right if |
|---|---|
| a planted bug, on each ISA where it shows: a plant | each milestone that it names fails, and the first names the right cause |
| a starter | exactly the lab's new milestones fail, each as not written yet; all earlier ones pass |
| a reference: main's own code | all milestones pass |
| a variant: a right solution written otherwise, on each ISA | all milestones pass, but those that it loses rightly |
"""
_UNPLANTED = re.compile(r"^\| (?P<bug>[^|]+) \| (?P<why>[^|]+) \|$", re.MULTILINE)


def graded_page(root: Path) -> str:
    """Returns the text of the page for this tree."""
    bugs = load_bugs(root)
    chapters = [_INTRODUCTION + "\n" + _counts(corpus(root))]
    for lab in load_labs(root):
        chapters.append(f"## Lab {lab.number}: {lab.title}\n")
        chapters.append(_bug_table(bug for bug in bugs if bug.lab == lab.number))
        chapters.append(_variant_table(root, lab))
        chapters.append(_unplanted(lab))
    return "\n".join(chapter for chapter in chapters if chapter)


def _counts(rows: list[Corpus]) -> str:
    columns = ("lab", "bugs", "plants", "starters", "references", "variants")
    counts = [(str(row.lab), row.bugs, row.plants, len(ISAS), len(ISAS), row.variants) for row in rows]
    sums = ("all", *(sum(column) for column in list(zip(*counts, strict=True))[1:]))
    return _table(columns, [*counts, sums])


def _bug_table(bugs: Iterable[Bug]) -> str:
    columns = ("bug", "what a student sees", "fails", "cause", "ISAs", "from")
    return _table(
        columns,
        [(bug.name, bug.symptom, " ".join(bug.fails), _causes(bug), " ".join(bug.isas), bug.source) for bug in bugs],
    )


def _causes(bug: Bug) -> str:
    """Returns the one cause, or one for each ISA."""
    if len(set(bug.causes.values())) == 1:
        return next(iter(bug.causes.values()))
    return ", ".join(f"{isa}: {cause}" for isa, cause in bug.causes.items())


def _variant_table(root: Path, lab: Lab) -> str:
    variants = [variant for variant in load_variants(root) if variant.lab == lab.number]
    rows = [(variant.name, variant.sentence, " ".join(variant.loses)) for variant in variants]
    return _table(("variant", "what is different", "loses"), rows) if rows else ""


def _unplanted(lab: Lab) -> str:
    """Returns what labs/N-name/bugs/README.md says about collected bugs that differ here, or are not here."""
    readme = lab.folder / "bugs" / "README.md"
    found = _UNPLANTED.findall(readme.read_text(encoding="utf-8")) if readme.exists() else []
    rows = [(bug, why) for bug, why in found if bug not in ("bug", "---")]
    return _table(("planted in another form, or not at all", "why"), rows) if rows else ""


def _table(columns: tuple[str, ...], rows: Iterable[tuple[object, ...]]) -> str:
    lines = [columns, ("---",) * len(columns), *rows]
    return "".join(f"| {' | '.join(str(cell) for cell in line)} |\n" for line in lines)
