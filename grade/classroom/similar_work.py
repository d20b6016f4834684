"""The page of submissions that are more alike than is usual in their class."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from grade.classroom import pages
from grade.classroom.similarity import HINT, Similarity, side_by_side, similar_pairs
from grade.cutting.cutter import render
from grade.isa import ISAS
from grade.ladder.files import write_whole
from grade.ladder.labs import LadderError
from grade.ladder.trees import Tree
from grade.submission.laid_out import Work
from grade.submission.selection import owned_paths


def write_similar_work(
    tree: Tree, who: Mapping[str, str], works: Mapping[str, Work], title: str, page: Path
) -> tuple[bool, list[str]]:
    """Compares what students wrote in the labs that are graded, lab by lab, and writes the page.

    `who` are the names for people. Returns whether there is a page, and what a person should know.
    """
    by_lab: dict[int, dict[str, Work]] = defaultdict(dict)
    for name, work in works.items():
        for lab in work.labs:
            by_lab[lab][name] = work
    pairs: list[dict[str, Any]] = []
    notes = []
    try:
        for lab, theirs in sorted(by_lab.items()):
            found = _compared(tree, lab, theirs)
            pairs += [
                {**pair, "lab": lab, "who": [who[str(pair["first"])], who[str(pair["second"])]]} for pair in side_by_side(found)
            ]
            notes += [f"{who[name]} is not compared with others: {why}" for name, why in found.not_compared]
    except LadderError as error:
        page.unlink(missing_ok=True)
        return False, [f"similar work is not looked for: {error}"]
    write_whole(page, pages.render("similarity.html.j2", title=title, hint=HINT, pairs=pairs, notes=notes))
    if pairs:
        notes.append(f"{len(pairs)} pairs are more alike than is usual in this class: similarity.html")
    return True, notes


def _compared(tree: Tree, lab: int, works: Mapping[str, Work]) -> Similarity:
    """Compares the files that the students of this lab write; those of earlier labs were compared then."""
    own = set(owned_paths([known for known in tree.labs if known.number == lab]))
    files = {
        name: {path: content.decode(errors="replace") for path, content in work.files[lab].items() if path in own}
        for name, work in works.items()
    }
    starter, reference = (_texts(tree, lab, solved, own) for solved in (lab - 1, lab))
    return similar_pairs(files, starter, reference)


def _texts(tree: Tree, lab: int, solved: int, own: set[str]) -> dict[str, str]:
    made = render(tree.root, lab, solved, ISAS)
    return {path: content.decode(errors="replace") for path, (content, _) in made.items() if path in own}
