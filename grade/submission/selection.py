"""What is taken from a submission, and what is not and why.

Taken are the files that a student of these labs owns, if they are plain files under plain names. Nothing else in the
submission can matter; the parts of it that a person should know about are listed.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath

import tomllib

from grade.isa import ISAS
from grade.ladder.labs import COURSE_FILE, Lab, LadderError
from grade.submission.entries import LARGEST_FILE, Entry, Kind, blob_id
from grade.visible import visible

_NO_SOURCE = {"build", ".git", "__pycache__", ".pytest_cache", ".hypothesis", "__MACOSX", ".DS_Store", ".vscode"}
"""What tools leave in a tree, which nobody wants to read about."""
_LARGEST_CLAIM = 1 << 16


@dataclass(frozen=True)
class LeftOut:
    """Something in a submission that was not taken. `rank` says how much it matters: 0 most."""

    path: str
    why: str
    rank: int


@dataclass(frozen=True)
class Claim:
    """What labs/course.toml of a submission says: worth mentioning, but no basis for grades."""

    lab: int
    isas: tuple[str, ...]
    solved: int = 0
    """Labs 1 to this one were handed out with the reference code: the student began with a catch-up."""


@dataclass
class Selection:
    """What is graded for one lab."""

    lab: int
    taken: dict[str, bytes] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """Owned files for which the starter's stays."""
    left_out: list[LeftOut] = field(default_factory=list)
    unlisted: frozenset[str] = frozenset()
    """Owned files of ISAs that are not graded: taken, so that the tree is the same, but not reported."""

    @property
    def listed(self) -> list[str]:
        """The names of the files that were taken for the ISAs that are graded."""
        return [path for path in self.taken if path not in self.unlisted]


def owned_paths(labs: Iterable[Lab], isas: Sequence[str] = ISAS) -> list[str]:
    """Returns the files that the students of these labs write, for these ISAs."""
    found = []
    for lab in labs:
        for_isas = lab.owned_for(isas)
        found += [*(path for path in lab.owned if "{isa}" not in path), *for_isas]
    return sorted(found)


class Contents:
    """A submission as a tree: its root is found by labs/course.toml, or else by the files that students own."""

    def __init__(self, source: str, entries: Sequence[Entry], labs: Sequence[Lab]) -> None:
        self._labs = labs
        self._problems: list[LeftOut] = []
        plain = []
        for entry in entries:
            name = _without_start(entry.name)
            if (problem := _name_problem(name)) is not None:
                self._problems.append(LeftOut(name, problem, 1))
            elif name:
                plain.append((name, entry))
        root = _root(source, [name for name, _ in plain], owned_paths(labs))
        self._entries: dict[str, list[Entry]] = {}
        for name, entry in plain:
            if name.startswith(root):
                self._entries.setdefault(name.removeprefix(root), []).append(entry)
            elif not root.startswith(f"{name}/") and not _is_of_tools(name):
                self._problems.append(LeftOut(name, f"is not in {root}, where the tree is", 3))

    def claim(self) -> Claim | str | None:
        """Returns what labs/course.toml says; why that cannot be used; None if there is none."""
        entries = self._entries.get(COURSE_FILE, [])
        if not entries:
            return None
        if len(entries) > 1 or entries[0].kind is not Kind.FILE or entries[0].size > _LARGEST_CLAIM:
            return "is not one small file"
        return _read_claim(entries[0].content or b"", self._labs)

    def select(self, lab: int, given: Callable[[], Mapping[str, bytes]], isas: Sequence[str]) -> Selection:
        """Returns what lab `lab` is graded with; `given` makes the tree that the student was handed, to say what was changed."""
        labs = [known for known in self._labs if known.number <= lab]
        owned, graded = owned_paths(labs), set(owned_paths(labs, isas))
        selection = Selection(lab, self.taken(lab), left_out=list(self._problems), unlisted=frozenset(owned) - graded)
        for path in owned:
            if path in graded and path not in selection.taken:
                selection.missing.append(path)
                problem = self._problem_of(path)
                selection.left_out += [LeftOut(path, problem, 0)] if problem is not None else []
        selection.left_out += self._others(set(owned), given)
        selection.left_out.sort(key=lambda left: (left.rank, left.path))
        return selection

    def taken(self, lab: int) -> dict[str, bytes]:
        """Returns the owned files of labs 1 to `lab` that are taken."""
        owned = owned_paths([known for known in self._labs if known.number <= lab])
        there = (path for path in owned if path in self._entries and self._problem_of(path) is None)
        return {path: self._entries[path][0].content or b"" for path in there}

    def _problem_of(self, path: str) -> str | None:
        """Returns why the owned file `path` cannot be taken; None also if there is none."""
        entries = self._entries.get(path, [])
        for parent in list(PurePosixPath(path).parents)[:-1]:
            for entry in self._entries.get(str(parent), []):
                if entry.kind is not Kind.FOLDER:
                    return f"is in {parent}, which is {entry.kind}, and not a folder"
        wrong = next((entry for entry in entries if entry.kind is not Kind.FILE), None)
        if wrong is not None:
            hint = ": hand in a copy of its own" if wrong.kind in (Kind.LINK, Kind.HARD_LINK) else ""
            return f"is {wrong.kind}, and not a file{hint}"
        if any(entry.size > LARGEST_FILE for entry in entries):
            return f"is larger than {LARGEST_FILE >> 20} MiB"
        if len({entry.digest for entry in entries}) > 1:
            return "is there more than once, with different contents"
        if entries and b"\0" in (entries[0].content or b""):
            return "holds NUL bytes: it is no text"
        return None

    def _others(self, owned: set[str], given: Callable[[], Mapping[str, bytes]]) -> Iterator[LeftOut]:
        """Yields what is no owned file and differs from how it was handed out."""
        handed: Mapping[str, bytes] | None = None  # made if it is needed: most submissions are owned files alone
        by_folded = {path.casefold(): path for path in owned}
        later = {path: lab.number for lab in self._labs for path in owned_paths([lab])}
        for path, entries in self._entries.items():
            entry = entries[0]
            if path in owned or path == COURSE_FILE or _is_of_tools(path) or entry.kind is Kind.FOLDER:
                continue
            if path.casefold() in by_folded:
                yield LeftOut(path, f"is not {by_folded[path.casefold()]}: upper and lower case differ", 0)
            elif entry.kind is not Kind.FILE:
                yield LeftOut(path, f"is {entry.kind}", 2)
            elif path in later:
                yield LeftOut(path, f"is of lab {later[path]}, which is not graded here", 4)
            elif path not in (handed := given() if handed is None else handed):
                yield LeftOut(path, "is not part of the lab", 3)
            elif any(entry.digest != blob_id(handed[path], entry.digest) for entry in entries):
                yield LeftOut(path, "differs from what is handed out now; main's is graded", 2)


def _without_start(name: str) -> str:
    """Returns a name without what archives put before and after it: `./kernel/` becomes `kernel`."""
    return re.sub(r"^(\./)+|^\.$|/$", "", name)


def _name_problem(name: str) -> str | None:
    """Returns why a file of this name is ignored, or None."""
    parts = name.split("/")
    if any("\ud800" <= c <= "\udfff" for c in name):
        return "has a name that is not UTF-8"
    if visible(name) != name or "\n" in name or "\t" in name:
        return "has characters in its name that are not to be seen"
    if "\\" in name or re.match(r"[A-Za-z]:", name):
        return "has a name of Windows's: give its folders as kernel/paging/"
    if name.startswith("/"):
        return "has a name that begins at the root of the file system"
    if ".." in parts:
        return "has a name that climbs out of the tree"
    if name and ("" in parts or "." in parts):
        return "has a name that is not plain"
    return None


def _is_of_tools(path: str) -> bool:
    return not _NO_SOURCE.isdisjoint(path.split("/"))


def _root(source: str, names: Sequence[str], owned: Sequence[str]) -> str:
    """Returns the folder in the submission that is the tree, as a prefix: empty, or ending in /."""
    for tails in ((COURSE_FILE,), owned):
        roots = {
            name.removesuffix(tail)
            for name in names
            for tail in tails
            if name == tail or name.endswith(f"/{tail}")
            if not _is_of_tools(name)
        }
        highest = min((root.count("/") for root in roots), default=0)
        found = sorted(root for root in roots if root.count("/") == highest)
        if len(found) > 1:
            places = ", ".join(map(visible, found[:4]))
            raise LadderError(f"{source}: holds several trees: {places}. Hand over one of them.")
        if found:
            return found[0]
    examples = ", ".join(owned[:3])
    raise LadderError(
        f"{source}: there is no Pagewalk tree in it. Looked for {COURSE_FILE} and for the files that students own "
        f"({examples}, ...), at the top and in every folder; saw {_some(names)}."
    )


def _some(names: Sequence[str]) -> str:
    first = ", ".join(visible(name) for name in list(names)[:5])
    return f"{first}{', ...' if len(names) > 5 else ''}" if names else "no file at all"


def _read_claim(content: bytes, labs: Sequence[Lab]) -> Claim | str:
    try:
        table = tomllib.loads(content.decode())
    except (ValueError, RecursionError) as error:
        return f"is not TOML ({visible(str(error))[:100]})"
    lab, isas = table.get("lab"), table.get("isas")
    if type(lab) is not int or lab not in [known.number for known in labs]:
        known = ", ".join(str(known.number) for known in labs)
        return f"says lab = {visible(repr(lab))[:40]}; there are labs {known}"
    solved = table.get("solved")
    solved = solved if type(solved) is int else 0
    if not isinstance(isas, list) or not isas or any(isa not in ISAS for isa in isas):
        return Claim(lab, ISAS, solved)
    return Claim(lab, tuple(isa for isa in ISAS if isa in isas), solved)
