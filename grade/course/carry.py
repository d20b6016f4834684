"""Carries planted bugs and variants over a change of the files that they are made for.

A patch takes no fuzz: if main changes beside it, it no longer applies. Here it is applied to main as it was, and the two
changes are merged as git merges branches.
changes are merged as git merges branches.
"""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from grade.ladder.files import write_whole
from grade.ladder.git import Repository
from grade.ladder.labs import LadderError
from grade.patches.patch import Patch, PatchError, patches_in

_KINDS = ("bugs", "variants")


@dataclass(frozen=True)
class Outcome:
    """The outcome for a patch. `problem` is empty if it was carried over."""

    path: Path
    problem: str = ""


def carry_over(tree: Path, since: str, console: Console) -> int:
    """Carries all patches over what has changed since a commit, and prints the outcome of each; returns the exit status."""
    outcomes = list(carried(tree, since))
    for outcome in outcomes:
        name = outcome.path.relative_to(tree)
        console.print(f"{name}: {outcome.problem or 'carried over'}", markup=False, soft_wrap=True)
    left = sum(bool(outcome.problem) for outcome in outcomes)
    console.print(f"{len(outcomes) - left} carried over, {left} left to do by hand" if outcomes else "every patch still fits")
    return 1 if left else 0


def carried(tree: Path, since: str) -> Iterator[Outcome]:
    """Carries each patch that no longer applies. GitError if there is no such commit."""
    repository = Repository(tree)
    if repository.commit(since) is None:
        raise LadderError(f"{since} is no commit: the one at which the patches still applied is asked for, such as HEAD~1")
    for path, lab in (one for kind in _KINDS for one in patches_in(tree, kind)):
        patch = Patch(path.stem, lab.number, path, ())
        with TemporaryDirectory(prefix="pagewalk-carry-") as folder:
            work = _Work(Path(folder), tuple(sorted(patch.changed_files())))
            work.copy_now(tree)
            if work.fits(patch, "now"):
                continue
            work.copy_then(repository, since)
            if not work.fits(patch, "then"):
                yield Outcome(path, f"it does not fit {since} either")
                continue
            if conflict := work.merge():
                yield Outcome(path, f"the change of main and its own meet in {conflict}")
                continue
            if not (fresh := work.diff()):
                yield Outcome(path, "main itself now has what it changes")
                continue
            write_whole(path, (patch.text.removesuffix(patch.diff) + fresh).encode())
            yield Outcome(path)


@dataclass(frozen=True)
class _Work:
    """Folders with the files of one patch: `now` and `then`, and each with the patch in it."""

    folder: Path
    names: tuple[str, ...]

    def copy_now(self, tree: Path) -> None:
        for name in self.names:
            if (tree / name).is_file():
                self._put("now", name, (tree / name).read_bytes())

    def copy_then(self, repository: Repository, since: str) -> None:
        for name in self.names:
            if repository.ask("cat-file", "-e", f"{since}:{name}") is not None:
                self._put("then", name, repository.blobs([f"{since}:{name}"])[0])

    def fits(self, patch: Patch, when: str) -> bool:
        """Applies the patch to a copy, `now-patched` or `then-patched`. Returns False if it does not fit."""
        patched = self.folder / f"{when}-patched"
        (self.folder / when).mkdir(exist_ok=True)
        shutil.copytree(self.folder / when, patched)
        try:
            patch.apply(patched)
        except PatchError:
            return False
        return True

    def merge(self) -> str:
        """Merges the patch's old change into the present files, in `a` and `b`; returns the file that conflicts, or ''."""
        shutil.copytree(self.folder / "now", self.folder / "a")
        for name in self.names:
            files = [self.folder / when / name for when in ("now", "then", "then-patched")]
            for file in files:
                file.parent.mkdir(parents=True, exist_ok=True)
                file.touch()  # a missing file counts as empty
            merged = subprocess.run(["git", "merge-file", "-p", "-q", *files], capture_output=True, check=False)
            if merged.returncode != 0:
                return name
            if files[2].stat().st_size or merged.stdout:
                self._put("b", name, merged.stdout)
        return ""

    def diff(self) -> str:
        """Returns the diff from `a` to `b`, in the form that patches have here."""
        command = ["git", "diff", "--no-index", "--no-prefix", "--no-color", "--no-renames", "a", "b"]
        text = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False).stdout
        return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("index "))

    def _put(self, where: str, name: str, content: bytes) -> None:
        (self.folder / where / name).parent.mkdir(parents=True, exist_ok=True)
        (self.folder / where / name).write_bytes(content)
