"""git, as this project calls it: on an explicit repository, without questions, with errors in one line."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from grade.ladder.labs import LadderError

_MISLEADING = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_OBJECT_DIRECTORY")
"""Variables that are set if a git hook calls us; they would point git at another repository."""

_UNFINISHED = {
    "MERGE_HEAD": "a merge",
    "rebase-merge": "a rebase",
    "rebase-apply": "a rebase",
    "CHERRY_PICK_HEAD": "a cherry-pick",
    "REVERT_HEAD": "a revert",
    "BISECT_LOG": "a bisection",
}


class GitError(LadderError):
    """git refused. str() has the command and git's first words."""


@dataclass(frozen=True)
class Repository:
    """The repository at or above the folder `path`, which may be a bare one."""

    path: Path

    def run(self, *arguments: str, stdin: bytes = b"", environment: Mapping[str, str] | None = None) -> str:
        """Returns the output of `git ARGUMENTS`, without the last line's end. GitError if git fails or is missing."""
        return self._output(arguments, stdin, environment).decode(errors="surrogateescape").rstrip("\n")

    def blobs(self, names: Sequence[str]) -> list[bytes]:
        """Returns the contents of these objects, byte for byte."""
        output = self._output(("cat-file", "--batch"), "".join(f"{name}\n" for name in names).encode())
        contents: list[bytes] = []
        start = 0
        for _ in names:
            end = output.index(b"\n", start)
            size = int(output[start:end].split()[2])  # OBJECT blob SIZE
            contents.append(output[end + 1 : end + 1 + size])
            start = end + size + 2
        return contents

    def _output(self, arguments: Sequence[str], stdin: bytes, environment: Mapping[str, str] | None = None) -> bytes:
        command = ["git", "-C", os.fspath(self.path), *arguments]
        try:
            done = subprocess.run(command, input=stdin, capture_output=True, env=_environment(environment), check=False)
        except FileNotFoundError as error:
            raise GitError("git is not installed") from error
        if done.returncode != 0:
            words = done.stderr.decode(errors="replace").strip().removeprefix("fatal: ") or f"status {done.returncode}"
            raise GitError(f"git {arguments[0]} in {self.path}: {words}")
        return done.stdout

    def ask(self, *arguments: str) -> str | None:
        """Returns the output of run(), or None: for a question that may have no answer."""
        try:
            return self.run(*arguments)
        except GitError:
            return None

    def commit(self, revision: str) -> str | None:
        """Returns the id of the commit that `revision` names, or None."""
        return self.ask("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")

    def work_trees(self) -> dict[Path, str | None]:
        """Returns the folders in which something is checked out, with the branch (refs/heads/...) or None."""
        found: dict[Path, str | None] = {}
        for block in self.run("worktree", "list", "--porcelain").split("\n\n"):
            fields = dict(line.partition(" ")[::2] for line in block.splitlines())
            folder = Path(fields.get("worktree", ""))
            if "worktree" in fields and "bare" not in fields and folder.is_dir():
                found[folder] = fields.get("branch")
        return found

    def refuse_unfinished(self, what: str) -> None:
        """Raises GitError if a folder of this repository has uncommitted changes, or a merge or the like is under way."""
        for folder in self.work_trees():
            here = Repository(folder)
            git_folder = Path(here.run("rev-parse", "--absolute-git-dir"))
            for name, operation in _UNFINISHED.items():
                if (git_folder / name).exists():
                    raise GitError(f"{folder} is in the middle of {operation}: finish or abort it before {what}")
            here.ask("update-index", "-q", "--refresh")  # in a copied folder the times are new, but not the files
            if changed := here.run("status", "--porcelain", "--untracked-files=no"):
                first = changed.splitlines()[0][3:]
                how = "stash them, or commit them on a branch of your own"
                raise GitError(f"{folder} has changes that are not committed, such as {first}: {how}")


def _environment(more: Mapping[str, str] | None) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _MISLEADING}
    return kept | {"LC_ALL": "C.UTF-8", "GIT_TERMINAL_PROMPT": "0", "GIT_OPTIONAL_LOCKS": "0"} | dict(more or {})
