"""A class of any size to try the grader on: right solutions, planted bugs, variants, starters and broken archives.

    python3 -m grade.classroom.sample LAB ISA COUNT FOLDER

writes COUNT archives to FOLDER, no two of them the same. Their names tell what each is.
"""

import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import chain, cycle, islice
from pathlib import Path

from grade.course.variants import load_variants
from grade.cutting.cutter import render
from grade.cutting.planted import changed
from grade.ladder.labs import COURSE_FILE
from grade.ladder.trees import Tree, find_root
from grade.patches.bugs import load_bugs
from grade.patches.patch import Patch
from grade.student.archive import pack
from grade.submission.selection import owned_paths

_EVERY = 10
"""One in so many is no planted bug or variant, but one of _others()."""

Files = Mapping[str, bytes]


def write_sample(tree: Tree, lab: int, isa: str, count: int, into: Path) -> list[str]:
    """Writes so many submissions of a lab on one ISA; returns their names."""
    into.mkdir(parents=True, exist_ok=True)
    names = []
    for number, (kind, make) in enumerate(islice(_kinds(tree, lab, isa), count), 1):
        name = f"{number:04}-{kind}"[:60]
        (into / f"{name}.tar.gz").write_bytes(make(number))
        names.append(name)
    return names


def _kinds(tree: Tree, lab: int, isa: str) -> Iterator[tuple[str, Callable[[int], bytes]]]:
    """Yields without end what a submission is, and what makes its archive from its number."""
    owned = set(owned_paths([known for known in tree.labs if known.number <= lab], (isa,)))
    patches: list[Patch] = [*load_bugs(tree.root), *load_variants(tree.root)]
    fitting = [p for p in patches if p.lab == lab and isa in p.isas and p.changed_files() <= owned]
    patched = cycle([(patch.name, _maker(tree, lab, isa, owned, lab, patch)) for patch in fitting])
    others = cycle(_others(tree, lab, isa, owned))
    return chain.from_iterable([next(others), *islice(patched, _EVERY - 1)] for _ in iter(int, 1))


def _others(tree: Tree, lab: int, isa: str, owned: set[str]) -> list[tuple[str, Callable[[int], bytes]]]:
    solution = _maker(tree, lab, isa, owned, lab)
    starter = _maker(tree, lab, isa, owned, lab - 1)
    return [
        ("solution", solution),
        ("starter", starter),
        ("solution", solution),
        ("broken-code", lambda number: solution(number, "#error not finished\n")),
        ("solution", solution),
        ("cut-short", lambda number: solution(number)[:500]),
    ]


def _maker(tree: Tree, lab: int, isa: str, owned: set[str], solved: int, patch: Patch | None = None) -> Callable[..., bytes]:
    known: dict[str, bytes] = {}

    def archive(number: int, more: str = "") -> bytes:
        if not known:
            changes = changed(tree.root, patch) if patch is not None else {}
            made = render(tree.root, lab, solved, (isa,), changes=changes)
            known.update({path: content for path, (content, _) in made.items() if path in owned})
            known[COURSE_FILE] = render(tree.root, lab, 0, (isa,))[COURSE_FILE][0]
        own = f"// Work number {number}.\n{more}".encode()
        return pack(f"lab{lab}-submission", {p: c if p == COURSE_FILE else c + own for p, c in known.items()})

    return archive


def main() -> None:
    """Writes the class that the command line describes."""
    lab, isa, count, into = sys.argv[1:]
    names = write_sample(Tree(find_root(Path(__file__))), int(lab), isa, int(count), Path(into))
    print(f"{len(names)} submissions are in {into}")


if __name__ == "__main__":
    main()
