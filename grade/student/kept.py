"""The last results of `grade` for each lab, kept below build/ for `status` and for what comes next."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from grade.isa import ISAS
from grade.ladder.files import write_whole
from grade.ladder.trees import Tree
from grade.results.result import Result

VERSION = 2
_BUILT_FROM = ("kernel", "arch", "user", "CMakeLists.txt", "CMakePresets.json")


@dataclass(frozen=True)
class Kept:
    """The results of one lab's own tree on one ISA.

    `files` are the sources as they were when all milestones were last graded together, by path: each with a digest.
    Milestones that were graded alone since then may be newer.
    """

    lab: int
    isa: str
    time: str
    complete: bool
    """Whether all milestones were ever graded together."""
    files: dict[str, str]
    results: list[Result]

    @property
    def points(self) -> float:
        """The points that the lab's own milestones have brought."""
        return sum(result.points for result in self.results)

    @property
    def most(self) -> float:
        """The points that they could have brought."""
        return sum(result.max for result in self.results)

    def changed(self, now: dict[str, str]) -> list[str]:
        """Returns the sources that have changed."""
        return sorted(path for path in self.files.keys() | now.keys() if self.files.get(path) != now.get(path))


def keep(tree: Tree, results: Sequence[Result], isas: Sequence[str], *, complete: bool) -> list[Kept]:
    """Keeps new results; all others stay unless `complete` says that these are all. OSError if it cannot be written."""
    kept: list[Kept] = []
    for isa in isas:
        mine = [result for result in results if result.isa == isa]
        before = None if complete else load(tree, tree.lab, isa)
        if before is not None:
            graded = {result.milestone for result in mine}
            mine += [result for result in before.results if result.milestone not in graded]
        files = source_digests(tree, isa) if before is None else before.files
        now = datetime.now().isoformat(" ", "minutes")
        mine.sort(key=lambda result: result.sort_key)
        whole = complete or (before is not None and before.complete)
        kept.append(Kept(tree.lab, isa, now, whole, files, mine))
        _write(_path(tree, tree.lab, isa), kept[-1])
    return kept


def load(tree: Tree, lab: int, isa: str) -> Kept | None:
    """Returns what was kept of the lab, or None: never graded here, or unreadable."""
    try:
        fields = json.loads(_path(tree, lab, isa).read_text(encoding="utf-8"))
        if fields.pop("version") != VERSION:
            return None
        fields["results"] = [Result.from_data(entry) for entry in fields["results"]]
        return Kept(**fields)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def source_digests(tree: Tree, isa: str) -> dict[str, str]:
    """Returns a digest of each file from which the kernel for `isa` is built, without what students write for other ISAs."""
    others = {path for lab in tree.labs for path in lab.owned_for(set(ISAS) - {isa})}
    return {name: hashlib.sha256(path.read_bytes()).hexdigest()[:16] for name, path in source_files(tree) if name not in others}


def source_files(tree: Tree) -> Iterator[tuple[str, Path]]:
    """Yields every file from which a kernel may be built: its path from the root, and where it is."""
    for top in _BUILT_FROM:
        for path in sorted((tree.root / top).rglob("*")) or [tree.root / top]:
            name = path.relative_to(tree.root).as_posix()
            if path.is_file() and "/." not in name:
                yield name, path


def _path(tree: Tree, lab: int, isa: str) -> Path:
    return tree.root / "build" / "graded" / f"lab{lab}-{isa}.json"


def _write(path: Path, kept: Kept) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    fields = {**vars(kept), "results": [result.as_data() for result in kept.results]}
    write_whole(path, f"{json.dumps({'version': VERSION, **fields}, indent=1)}\n".encode())
