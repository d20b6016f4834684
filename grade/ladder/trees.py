"""A tree of the project: main with all its labs, or the handed-out tree of one lab, which says so in labs/course.toml."""

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import tomllib

from grade.isa import ISAS
from grade.ladder.files import remove_others, update
from grade.ladder.labs import COURSE_FILE, Lab, LadderError, load_labs

_HOST_TESTS = "kernel/tests"


@dataclass(frozen=True)
class Course:
    """labs/course.toml: the tree of lab `lab`, with the reference code of labs 1..`solved`, for these ISAs.

    `labs` is how many labs there are to climb, if known.
    """

    lab: int
    solved: int
    isas: tuple[str, ...]
    labs: int | None = None


class Tree:
    """A Pagewalk tree at `root`. What it says about itself is read when first asked for; LadderError if that is wrong."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @cached_property
    def course(self) -> Course | None:
        """What the handout says about itself; None for main."""
        path = self.root / COURSE_FILE
        return read_course(path.read_text(encoding="utf-8", errors="replace")) if path.exists() else None

    @cached_property
    def labs(self) -> list[Lab]:
        """The labs that this tree holds, in climbing order."""
        return load_labs(self.root)

    @property
    def lab(self) -> int:
        """The highest lab of the tree."""
        if self.course is not None:
            return self.course.lab
        if not self.labs:
            raise LadderError(f"{self.root} holds no labs/*/lab.toml")
        return self.labs[-1].number

    @property
    def isas(self) -> tuple[str, ...]:
        """The ISAs that are graded."""
        return ISAS if self.course is None else self.course.isas

    @property
    def is_last(self) -> bool:
        """Whether no lab comes after this tree's."""
        return self.course is None or self.course.labs == self.course.lab


def find_root(start: Path) -> Path:
    """Returns the innermost folder at or above `start` that holds `pagewalk` and `kernel/`. LadderError if none does."""
    for folder in (start.resolve(), *start.resolve().parents):
        if (folder / "pagewalk").is_file() and (folder / "kernel").is_dir():
            return folder
    raise LadderError(f"{start} is not in a Pagewalk tree (no folder above it holds pagewalk and kernel/)")


def with_tests_of(reference: Path, tree: Path, into: Path) -> Path:
    """Makes a tree in a folder below `into`: the code of `tree` with the host tests and the build files of `reference`.

    What `tree` itself says about tests is ignored. Symbolic links in it are not followed.
    """
    place = place_of(tree, into)
    sources = {path: tree / path for path in _files(tree, ("kernel", "arch")) if not path.startswith(_HOST_TESTS)}
    ours = _files(reference, (_HOST_TESTS,)) + ["CMakeLists.txt", "CMakePresets.json"]
    sources.update({path: reference / path for path in ours})
    with locked(place.with_suffix(".lock")):
        remove_others(place, sources.keys())
        for path, source in sources.items():
            update(place / path, source.read_bytes(), 0o644)
    return place


def place_of(tree: Path, into: Path) -> Path:
    """Returns the folder below `into` that is for `tree` alone."""
    return into / hashlib.sha256(os.fspath(tree).encode()).hexdigest()[:16]


def _files(root: Path, folders: Sequence[str]) -> list[str]:
    """Returns the ordinary files in these folders, as paths from the root."""
    found = (path for folder in folders for path in sorted((root / folder).rglob("*")))
    return [path.relative_to(root).as_posix() for path in found if path.is_file() and not path.is_symlink()]


_waiting: set[int] = set()
"""The threads that wait in locked()."""


@contextmanager
def locked(path: Path) -> Iterator[int]:
    """Holds the lock file `path`, which is made if need be; yields its descriptor.

    A child that inherits the descriptor keeps the lock for as long as it lives.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        _waiting.add(me := threading.get_ident())
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
        finally:
            _waiting.discard(me)
        yield file.fileno()


def waits_for_lock(thread: threading.Thread) -> bool:
    """Returns whether the thread waits in locked(), perhaps for as long as another Pagewalk works."""
    return thread.ident in _waiting


def read_course(text: str) -> Course:
    """Returns what the text of a labs/course.toml says. LadderError if it is not one."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        why = "a merge has left a conflict in it" if "\n<<<<<<< " in text else f"not TOML: {error}"
        raise LadderError(f"{COURSE_FILE}: {why}") from error
    for key in ("lab", "solved"):
        if type(table.get(key)) is not int:
            raise LadderError(f"{COURSE_FILE}: {key}: must be a whole number")
    isas = table.get("isas")
    if not isinstance(isas, list) or not isas or any(isa not in ISAS for isa in isas):
        raise LadderError(f"{COURSE_FILE}: isas: must be a list of {', '.join(ISAS)}")
    labs = table.get("labs")
    return Course(table["lab"], table["solved"], tuple(isas), labs if type(labs) is int else None)
