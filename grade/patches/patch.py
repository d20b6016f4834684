"""Changes to a tree that come with a header: how they are read, and how they are applied to a tree."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from grade.ladder.git import GitError, Repository
from grade.ladder.labs import Lab, LadderError, load_labs


class PatchError(LadderError):
    """A patch that cannot be used: its header or its diff is wrong. str() has the file and the line."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}")
        self.path, self.line, self.problem = path, line, problem


@dataclass(frozen=True)
class Patch:
    """A change to the kernel of `lab`, for these ISAs."""

    name: str
    lab: int
    path: Path
    isas: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole text, header and diff."""
        return self.path.read_text(encoding="utf-8")

    @property
    def diff(self) -> str:
        """The change alone."""
        return self.text[self.text.index("diff --git ") :]

    def changed_files(self) -> set[str]:
        """Returns the files that the diff changes."""
        return set(re.findall(r"^diff --git a/(\S+) b/", self.text, re.MULTILINE))

    def apply(self, into: Path) -> None:
        """Changes the files in `into`. PatchError if the diff does not fit."""
        apply(self.path, self.diff, into)


def apply(patch: Path, diff: str, into: Path) -> None:
    """Changes the files in `into`, which is in no repository. git takes no fuzz: every line of context must fit.

    Raises PatchError, which names the file `patch`, if the diff does not fit.
    """
    try:
        alone = {"GIT_CEILING_DIRECTORIES": str(into.parent)}
        Repository(into).run("apply", "--whitespace=nowarn", "-", stdin=diff.encode(), environment=alone)
    except GitError as error:
        raise PatchError(patch, 1, f"the diff does not fit: {error}") from error


@dataclass(frozen=True)
class Header:
    """The header before the diff: the fields, and the line of each."""

    path: Path
    fields: dict[str, str]
    lines: dict[str, int]

    def field(self, name: str) -> str:
        """Returns what the field says. PatchError if it is missing."""
        if name not in self.fields:
            raise PatchError(self.path, 1, f"the header has no {name}:")
        return self.fields[name]

    def words(self, name: str, known: Sequence[str]) -> tuple[str, ...]:
        """Returns the words of the field, each of them one of `known`."""
        found = tuple(self.field(name).split())
        for word in found:
            if word not in known:
                raise PatchError(self.path, self.lines[name], f"{name}: {word} is none of {', '.join(known)}")
        return found

    def milestones(self, name: str, lab: Lab) -> tuple[str, ...]:
        """Returns the words of the field, each of them a milestone that the kernel of `lab` may have."""
        found = tuple(self.field(name).split())
        for number in found:
            if not re.fullmatch(r"\d+\.\d+", number) or int(number.split(".")[0]) > lab.number:
                problem = f"{name}: {number} is not a milestone of lab {lab.number}'s kernel"
                raise PatchError(self.path, self.lines[name], problem)
        return found


def patches_in(tree: Path, folder: str) -> list[tuple[Path, Lab]]:
    """Returns all labs/N-name/<folder>/*.patch, by lab and name."""
    return [(path, lab) for lab in load_labs(tree) for path in sorted((lab.folder / folder).glob("*.patch"))]


def read_header(path: Path, names: Sequence[str], text: str | None = None, *, has_diff: bool = True) -> Header:
    """Reads the header of a patch, whose text is the file's unless it is given; or a file that is a header and no more.

    `names` are the fields that it may have; further lines of a field are indented.
    """
    header = Header(path, {}, {})
    field = re.compile(rf"({'|'.join(names)}): *(\S.*)")
    last = ""
    lines = (text if text is not None else path.read_text(encoding="utf-8")).splitlines()
    for number, line in enumerate(lines, start=1):
        if line.startswith("diff --git ") or line.startswith("--- "):
            return header
        if match := field.fullmatch(line):
            last, value = match.groups()
            if last in header.fields:
                raise PatchError(path, number, f"{last}: stands here twice")
            header.fields[last], header.lines[last] = value.strip(), number
        elif line.startswith((" ", "\t")) and line.strip() and last:
            header.fields[last] += " " + line.strip()
        elif line.strip():
            raise PatchError(path, number, f"neither a field ({', '.join(names)}) nor indented")
    if not has_diff:
        return header
    raise PatchError(path, 1, "there is no diff after the header")
