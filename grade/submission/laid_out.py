"""A submission laid over pristine trees of the graded labs, in a place below build/submissions/ of main."""

import hashlib
import json
import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from grade.cutting.cutter import cut, render
from grade.isa import ISAS
from grade.ladder.files import update
from grade.ladder.labs import COURSE_FILE, LadderError
from grade.ladder.trees import Tree, locked
from grade.seed import seed_from
from grade.submission.places import copy_kept, note_kept_in, place_for_one
from grade.submission.selection import Claim, Contents, Selection, owned_paths
from grade.submission.sources import read_source

_SECRET_SIZE = 32


@dataclass(frozen=True)
class LaidOut:
    """`folder` holds a tree lab-N for each lab of `selections`; nothing in it is the student's except what was taken."""

    source: str
    folder: Path
    is_sealed: bool
    """Whether what the student wrote is built and run in a sandbox."""
    seed: int
    """What its milestones draw from: always the same for the same files, and known to nobody who does not have the secret."""
    claim: Claim | None
    selections: tuple[Selection, ...]

    @property
    def labs(self) -> list[int]:
        """The labs that are graded."""
        return [selection.lab for selection in self.selections]

    @property
    def given(self) -> list[int]:
        """The labs whose files were handed out solved, according to the submission: these points are not the student's."""
        solved = self.claim.solved if self.claim is not None else 0
        return list(range(1, min(solved, self.labs[-1]) + 1))

    def as_dict(self) -> dict[str, Any]:
        """Returns a dictionary for the JSON file: what was taken for the highest lab, which is everything that was taken."""
        selection = self.selections[-1]
        left_out = [{"path": left.path, "why": left.why} for left in selection.left_out]
        return {
            "source": self.source,
            "sealed": self.is_sealed,
            "seed": self.seed,
            "lab": selection.lab,
            "says_lab": self.claim.lab if self.claim is not None else None,
            "labs": self.labs,
            "given": self.given,
            "taken": selection.listed,
            "missing": selection.missing,
            "left_out": left_out,
        }


@contextmanager
def laid_out(
    tree: Tree, source: str, labs: Sequence[int], isas: Sequence[str] = ISAS, *, sealed: bool = True, keep: bool = True
) -> Iterator[LaidOut]:
    """Reads the submission `source` and lays it out for `labs`, or else for the lab that it says it is of.

    Only files that matter for `isas` are listed. If it is `sealed`, it is built and run in a sandbox. To `keep` it is to copy
    its sources, programs and logs to folder_of() at the end. LadderError if it cannot be read, or if the lab is unclear.
    """
    if tree.course is not None:
        raise LadderError(f"{tree.root} is a handed-out tree: --submission is for instructors, and needs main")
    selected = _select(tree, source, labs, isas, sealed)  # nothing is made if it cannot be read
    with place_for_one(tree.root, is_sealed=sealed) as place:
        found = replace(selected, folder=place)
        for selection in found.selections:
            _lay(tree, selection, tree_in(place, selection.lab))
        _description(place).write_text(json.dumps(found.as_dict()), encoding="utf-8")
        kept = folder_of(tree, source)
        note_kept_in(place, kept if keep else None)
        try:
            yield found
        finally:
            if keep:
                with locked(kept.with_name(f"{kept.name}.lock")):
                    copy_kept(place, [tree_in(place, lab) for lab in found.labs], kept)


@dataclass(frozen=True)
class Work:
    """What a submission is graded by: the same work always gets the same points."""

    labs: tuple[int, ...]
    files: Mapping[int, Mapping[str, bytes]]
    """What is taken for each lab."""
    digest: str
    claim: Claim | None
    seed: int


def work_in(tree: Tree, source: str, labs: Sequence[int]) -> Work:
    """Reads the submission `source`, and lays nothing out. LadderError as from laid_out()."""
    contents, claim, chosen = _read(tree, source, labs)
    files = {lab: contents.taken(lab) for lab in chosen}
    digest = _digest(files)
    return Work(tuple(chosen), files, digest.hex(), claim, _seed_of(tree, digest))


def description_of(folder: Path) -> dict[str, Any]:
    """Returns what LaidOut.as_dict() said about the submission in `folder`."""
    description: dict[str, Any] = json.loads(_description(folder).read_text(encoding="utf-8"))
    return description


def notes_on(tree: Path, isa: str) -> list[str]:
    """Returns a line for each owned file that the kernel of a laid-out `tree` on `isa` has from the starter, and why."""
    found, owned = description_of(tree.parent), owned_paths(Tree(tree).labs, (isa,))
    why = {left["path"]: f"was not taken: it {left['why']}" for left in found["left_out"]}
    missing = (path for path in found["missing"] if path in owned)
    return [f"note: {path} {why.get(path, 'is not in the submission')}; the starter's stays" for path in missing]


def tree_in(folder: Path, lab: int) -> Path:
    """Returns the tree of lab `lab` of the submission that is laid out in `folder`."""
    return folder / f"lab-{lab}"


def folder_of(tree: Tree, source: str) -> Path:
    """Returns where a submission is kept when it has been graded: the same for the same `source`, and readable."""
    place = str(Path(source).resolve()) if Path(source).exists() else f"{Path.cwd()}\0{source}"
    digest = hashlib.sha256(place.encode(errors="surrogateescape")).hexdigest()[:12]
    stem = re.sub(r"[^A-Za-z0-9]+", "-", Path(source).name)[:24].strip("-") or "submission"
    return tree.root / "build" / "submissions" / f"{stem}-{digest}"


def _description(folder: Path) -> Path:
    return folder / "submission.json"


def _select(tree: Tree, source: str, labs: Sequence[int], isas: Sequence[str], sealed: bool) -> LaidOut:
    """Returns what is taken, laid out nowhere yet."""
    contents, claim, chosen = _read(tree, source, labs)
    selections = [contents.select(lab, partial(_handed, tree, lab, claim), isas) for lab in chosen]
    seed = _seed_of(tree, _digest({selection.lab: selection.taken for selection in selections}))
    return LaidOut(source, Path(), sealed, seed, claim, tuple(selections))


def _handed(tree: Tree, lab: int, claim: Claim | None) -> dict[str, bytes]:
    """Returns the tree that the student was handed, as far as the submission tells."""
    handed = render(tree.root, claim.lab if claim else lab, 0, claim.isas if claim else ISAS, with_grader=True)
    return {path: content for path, (content, _) in handed.items()}


def _read(tree: Tree, source: str, labs: Sequence[int]) -> tuple[Contents, Claim | None, list[int]]:
    """Returns a submission's contents, what it says about itself, and which labs are graded."""
    contents = Contents(source, read_source(source, (COURSE_FILE, *owned_paths(tree.labs))), tree.labs)
    said = contents.claim()
    claim = said if isinstance(said, Claim) else None
    if labs:
        return contents, claim, sorted(set(labs))
    if claim is not None:
        return contents, claim, [claim.lab]
    problem = f"there is no {COURSE_FILE} in it" if said is None else f"its {COURSE_FILE} {said}"
    example = f"./pagewalk grade {tree.labs[0].number} --submission {source}"
    raise LadderError(f"{source}: which lab is it? {problem}. Name the lab: {example}")


def _digest(taken: Mapping[int, Mapping[str, bytes]]) -> bytes:
    """Returns what tells apart the files that are taken for each lab."""
    digest = hashlib.sha256()
    for lab, files in taken.items():
        for path, content in sorted(files.items()):
            digest.update(f"{lab} {path} {len(content)}\0".encode() + content)
    return digest.digest()


def _seed_of(tree: Tree, digest: bytes) -> int:
    return seed_from(secret_of(tree) + digest)


def secret_of(tree: Tree) -> bytes:
    """Returns the secret of this course, from which the seeds of submissions come; made when it is first needed."""
    file = tree.root / "build" / "secret"
    with locked(file.with_suffix(".lock")):
        if not file.exists():
            file.touch(0o600)
        if len(secret := file.read_bytes()) != _SECRET_SIZE:
            secret = secrets.token_bytes(_SECRET_SIZE)
            file.write_bytes(secret)
        return secret


def _lay(tree: Tree, selection: Selection, into: Path) -> None:
    cut(tree.root, selection.lab, 0, into)
    for path, content in selection.taken.items():
        update(into / path, content, 0o644)
