"""Patches of main that come with a header: planted bugs (bugs.py) and right solutions written otherwise (variants.py).

A patch belongs to one lab. It is planted into that lab's solved cut, which is then graded with the tests of main.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from grade.course.cutter import cut
from grade.ladder.git import GitError, Repository
from grade.ladder.labs import Lab, LadderError, load_labs
from grade.ladder.trees import locked

_NOT_PLANTED = shutil.ignore_patterns(
    "build", "grade", "bugs", "variants", "__pycache__", ".git", ".?*_cache", ".hypothesis"
)


class PatchError(LadderError):
    """A patch that cannot be used: its header or its diff is wrong. str() has the file and the line."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}")
        self.path, self.line, self.problem = path, line, problem


@dataclass(frozen=True)
class Patch:
    """A change of the kernel of `lab`, for these ISAs."""

    name: str
    lab: int
    path: Path
    isas: tuple[str, ...]

    def changed_files(self) -> set[str]:
        """The files of main that the diff changes."""
        return set(re.findall(r"^diff --git a/(\S+) b/", self.path.read_text(encoding="utf-8"), re.MULTILINE))


@dataclass(frozen=True)
class Header:
    """What stands before the diff: the fields, and the line of each."""

    path: Path
    fields: dict[str, str]
    lines: dict[str, int]

    def field(self, name: str) -> str:
        """What the field says. PatchError if it is missing."""
        if name not in self.fields:
            raise PatchError(self.path, 1, f"the header has no {name}:")
        return self.fields[name]

    def words(self, name: str, known: Sequence[str]) -> tuple[str, ...]:
        """The words of the field, each of them one of `known`."""
        found = tuple(self.field(name).split())
        for word in found:
            if word not in known:
                raise PatchError(self.path, self.lines[name], f"{name}: {word} is none of {', '.join(known)}")
        return found

    def milestones(self, name: str, lab: Lab) -> tuple[str, ...]:
        """The words of the field, each of them a milestone that the kernel of `lab` may have."""
        found = tuple(self.field(name).split())
        for number in found:
            if not re.fullmatch(r"\d+\.\d+", number) or int(number.split(".")[0]) > lab.number:
                problem = f"{name}: {number} is not a milestone of lab {lab.number}'s kernel"
                raise PatchError(self.path, self.lines[name], problem)
        return found


def patches_in(tree: Path, folder: str) -> list[tuple[Path, Lab]]:
    """All labs/N-name/<folder>/*.patch, by lab and name."""
    return [(path, lab) for lab in load_labs(tree) for path in sorted((lab.folder / folder).glob("*.patch"))]


def read_header(path: Path, names: Sequence[str]) -> Header:
    """The header of a patch. `names` are the fields that it may have; more lines of a field are indented."""
    header = Header(path, {}, {})
    field = re.compile(rf"({'|'.join(names)}): *(\S.*)")
    last = ""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
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
    raise PatchError(path, 1, "there is no diff after the header")


def plant(tree: Path, patch: Patch, into: Path) -> Path:
    """Makes `into` the solved tree of the patch's lab with the patch in it. PatchError if the diff does not fit."""
    with locked(into.with_name(into.name + ".lock")), TemporaryDirectory(prefix="pagewalk-patch-") as folder:
        copy = Path(folder) / "main"
        shutil.copytree(tree, copy, ignore=_NOT_PLANTED)
        _apply(patch, copy)
        cut(copy, patch.lab, patch.lab, into)
    return into


def grade_planted(tree: Path, patch: Patch, isa: str, milestones: Sequence[str] = ()) -> dict[str, dict]:
    """Plants the patch below <tree>/build/planted and runs milestones with the tests of `tree`; all if none is named.

    Returns the results by milestone, as they are in the JSON file. The patches of a lab take turns in one folder for
    each worker of pytest: what a patch does not touch is not built again.
    """
    place = tree / "build" / "planted" / f"lab-{patch.lab}-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    with locked(place.with_name(place.name + ".turn")):
        planted = plant(tree, patch, place)
        results = run_milestones(tree, planted, patch.lab, isa, milestones)
    return {result["milestone"]: result for result in results}


def run_milestones(tree: Path, graded: Path, lab: int, isa: str, milestones: Sequence[str] = ()) -> list[dict]:
    """Grades the kernel of `lab` in the cut tree `graded` with the tests of `tree`, in a process of its own.

    Returns the results as they are in the JSON file; all milestones if none is named.
    """
    labs = [known for known in load_labs(tree) if known.number <= lab]
    folders = [str(known.folder) for known in labs if any(known.folder.glob("test_*.py"))]
    with TemporaryDirectory(prefix="pagewalk-results-") as folder:
        results = Path(folder) / "results.json"
        command = [sys.executable, "-m", "pytest", *folders, "-q", "--tb=short", "-p", "no:cacheprovider"]
        command += [f"--rootdir={tree}", f"--tree={graded}", f"--lab={lab}", f"--isa={isa}", "--forget-failures"]
        command += [f"--milestone={number}" for number in milestones] + [f"--results-json={results}"]
        # The options of a pytest that called us are not for this one.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        run = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, check=False)
        if not results.exists():
            raise RuntimeError(f"pytest gave no results:\n{(run.stdout + run.stderr)[-4000:]}")
        return json.loads(results.read_text(encoding="utf-8"))["results"]


def _apply(patch: Patch, into: Path) -> None:
    """Changes the files in `into`, which is in no repository. git takes no fuzz: every line of context must fit."""
    try:
        alone = {"GIT_CEILING_DIRECTORIES": str(into.parent)}
        Repository(into).run("apply", "--whitespace=nowarn", str(patch.path.resolve()), environment=alone)
    except GitError as error:
        raise PatchError(patch.path, 1, f"the diff does not fit: {error}") from error
